import { join } from 'node:path'
import t from 'tap'
import { debianFreeradius } from './debian-site.ts'
import { hostapdMissing, layCable, plugIn, startHostapd, startSupplicant } from './hostapd.ts'
import { enrol, lab, macs } from './lab.ts'

const skip = hostapdMissing()

t.test(
  'hostapd repeats a lost EAP frame when it wants to, and takes the session time',
  { skip },
  async (t) => {
    const stage = await lab(t, {
      environment: { DECISION_DEADLINE_MS: '8000', NONCOMPLIANT_FRESH_SECONDS: '600' },
    })
    enrol(stage)
    const radius = await debianFreeradius(t, stage, { authorize: 'before eap', postAuth: 'last' })
    const cable = layCable(t)
    plugIn(cable, macs.noncompliant)
    const hostapd = startHostapd(t, radius, cable, join(stage.directory, 'hostapd'))
    await hostapd.said(/AP-ENABLED/)
    for (const method of ['TTLS', 'PEAP'] as const) {
      const directory = join(stage.directory, `device-${method}`)
      const device = startSupplicant(t, radius, cable, { directory, method, mac: macs.noncompliant })
      await device.said(/CTRL-EVENT-EAP-SUCCESS/)
      await device.stop()
    }
    const log = hostapd.log()
    t.match(log, /RADIUS message: code=11 \(Access-Challenge\)/, 'there were challenges')
    t.notMatch(log, /using EAP timeout of/, 'none of them says for how long')
    t.match(log, /Attribute 27 \(Session-Timeout\) length=6\n +Value: 300\n/, 'the Access-Accept does')
  },
)
