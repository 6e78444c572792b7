import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { laptop, simulatedService } from '../app/simulated-service.ts'

t.test(
  'a device in the list is refused by whichever identifier it asks, until it is taken out',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'blocked-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const policy = (key: string) =>
      `rules:\n  - { name: blocked, when: { ${key}: { file: blocked.txt } }, decision: deny, reasonText: blocked }\n`
    for (const [key, listed] of [
      ['deviceId', `{${laptop.deviceId.toUpperCase()}} # ticket 4711\n`],
      ['mac', `${laptop.mac.toLowerCase().replace(/(....)(?=.)/g, '$1.')}\n`],
    ] as const) {
      writeFileSync(join(directory, 'policy.yaml'), policy(key))
      writeFileSync(join(directory, 'blocked.txt'), listed)
      const environment = { POLICY_FILE: join(directory, 'policy.yaml') }
      const { ask, log } = await simulatedService(t, { environment })
      const certificateSan = `IntuneDeviceId://${laptop.deviceId}`
      // Intune does not say which addresses a device has that it is asked about by id.
      const byId = [{ deviceId: laptop.deviceId }, { certificateSan, mac: '02:50:56:A4:89:5A' }]
      const identities: Record<string, string>[] = [
        { mac: laptop.mac },
        { certificateSan, mac: laptop.mac },
        ...(key === 'mac' ? [] : byId),
      ]
      for (const identity of identities) {
        const reply = await ask(identity)
        t.match(reply, { decision: 'deny', reason: 'compliant' }, `${key}: ${JSON.stringify(identity)}`)
      }
      writeFileSync(join(directory, 'blocked.txt'), '')
      for (let look = 0; look < 400 && !log().includes('policy_list_loaded'); look += 1) {
        await sleep(50)
      }
      for (const identity of identities) t.match(await ask(identity), { decision: 'allow' })
    }
  },
)
