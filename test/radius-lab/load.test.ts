import t from 'tap'
import { playManyMab } from '../../src/cli/lab-peers.ts'
import { lab, peersMissing } from './lab.ts'

const requests = 2000
const parallel = 32

t.test(`${requests} MAB requests, ${parallel} at a time, lose none`, { skip: peersMissing }, async (t) => {
  const decisionMs: number[] = []
  const stage = await lab(t, {
    // Simulated Intune shares a process with the service, and the machine with other tests.
    environment: { COMPLIANT_FRESH_SECONDS: '600', DECISION_DEADLINE_MS: '1900' },
    freeradius: { verbose: false },
    onDecision: ({ totalMs }) => decisionMs.push(totalMs),
  })
  // Every device is asked for twice: once of Intune, once of the memory.
  const macs = Array.from(
    { length: requests / 2 },
    (_, index) => `005056${index.toString(16).padStart(6, '0')}`,
  )
  for (const [index, mac] of macs.entries()) {
    const deviceId = `10ad0000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
    stage.simulator.tenant.putDevice({ deviceId, macs: [mac.toUpperCase()], complianceState: 'compliant' })
  }
  // Token, discovery and connections are there before, as in a network that is up.
  const strangers = Array.from(
    { length: 4 * parallel },
    (_, index) => `0050AA0000${(index + 16).toString(16)}`,
  )
  await playManyMab(stage.radius, strangers, parallel)
  decisionMs.length = 0
  stage.simulator.tenant.clearRequests()
  const before = stage.radius.log().length
  const startedMs = performance.now()
  const totals = await playManyMab(
    stage.radius,
    [...macs, ...macs].map((mac) => mac.toUpperCase()),
    parallel,
  )
  const seconds = (performance.now() - startedMs) / 1000
  t.same(totals, { accepted: requests, rejected: 0, lost: 0 }, 'every one is answered, and with an Accept')
  t.notMatch(stage.radius.log().slice(before), /ERROR/, 'none of them the Accept of an outage')
  t.equal(decisionMs.length, requests, 'one decision each, none repeated')
  t.equal(
    stage.simulator.tenant.requestCounts().query,
    requests / 2,
    'Intune was asked once about each device',
  )
  decisionMs.sort((a, b) => a - b)
  const percentile = (share: number) => decisionMs[Math.floor((decisionMs.length - 1) * share)] ?? 0
  // Reporters keep comments to themselves, and this is to be seen.
  process.stderr.write(
    `${requests} MAB requests in ${seconds.toFixed(1)} s; decisions p50 ${percentile(0.5).toFixed(0)} ms, p99 ${percentile(0.99).toFixed(0)} ms\n`,
  )
  t.ok(percentile(0.99) < 1900, 'decided inside the deadline')
})
