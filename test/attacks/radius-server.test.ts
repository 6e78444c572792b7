import t from 'tap'
import { Pool } from 'undici'
import { vlanOf } from '../../src/cli/lab-peers.ts'
import { enrol, ids, lab, macs, peersMissing, sanForms } from '../radius-lab/lab.ts'
import { basic } from './attacked-service.ts'

t.setTimeout(240_000)

t.test(
  'a guesser beside the RADIUS server, who knows its user name, keeps no device out',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    enrol(stage)
    const pool = new Pool(stage.serviceUrl, { connections: 10, connect: { ca: stage.serviceCaPem } })
    const statuses = new Set<number>()
    let guesses = 0
    let isOver = false
    const guess = async () => {
      guesses += 1
      const name = guesses % 3 === 0 ? `user-${guesses}` : 'freeradius'
      const reply = await pool.request({
        path: '/v1/radius/authorize',
        method: 'POST',
        headers: { authorization: basic(name, `guess ${guesses}`), 'content-type': 'application/json' },
        body: '{}',
      })
      await reply.body.dump()
      statuses.add(reply.statusCode)
    }
    const guessing = Promise.all(
      Array.from({ length: 10 }, async () => {
        while (!isOver) await guess()
      }),
    )
    while (guesses < 25) await new Promise((resolve) => setTimeout(resolve, 20))
    // The first request of the RADIUS server, whose password nobody has proven yet.
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10')
    const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.noncompliant))
    t.equal(vlanOf(await stage.eapTls({ certificate, mac: macs.noncompliant })), '20')
    for (let round = 0; round < 5; round += 1) t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10')
    isOver = true
    await guessing
    await pool.close()
    t.same([...statuses], [403], 'never 429, and never 503, which opens the outage VLAN')
    t.comment(`${guesses} guesses meanwhile`)
  },
)

t.test(
  'a device that Intune cannot be asked about meets the outage rule alone',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    enrol(stage)
    stage.simulator.tenant.setFault({ hop: 'query', kind: 'nested_error', status: 500, match: ids.unknown })
    for (let round = 0; round < 6; round += 1) {
      t.equal(vlanOf(await stage.mab({ mac: macs.unknown })), '999', 'the critical VLAN of the site')
    }
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10')
    t.equal(vlanOf(await stage.mab({ mac: macs.noncompliant })), '20')
  },
)
