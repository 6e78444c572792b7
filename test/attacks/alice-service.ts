import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import type { ComplianceLookup } from '../../src/compliance/compliance-record.ts'
import { createDecide } from '../../src/decision/decision-service.ts'
import { success } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { createServer } from '../../src/server/server.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { keptLogger } from '../fakes/kept-output.ts'
import { alice, bob } from './chosen-names.ts'

const numRuns = Number(process.env.FUZZ_RUNS ?? 500)
const seeds =
  process.env.FUZZ_SEED === undefined ? [20_261_123, randomInt(2 ** 31)] : [Number(process.env.FUZZ_SEED)]

/** The service with a memory: Alice's device is compliant by its id and by its MAC, and nobody else is. */
export function aliceService(t: Test) {
  const lookup: ComplianceLookup = async ({ kind, value }) => {
    const isAlice = (kind === 'deviceId' && value === alice.id) || (kind === 'mac' && value === alice.mac)
    const isBob = kind === 'deviceId' && value === bob.id
    return success({
      record: {
        enrolled: isAlice || isBob,
        complianceState: isAlice ? 'compliant' : isBob ? 'noncompliant' : 'unknown',
        observedAtMs: clock.nowMs(),
        ...(isAlice && { deviceId: alice.id, macs: [alice.mac] }),
        ...(isBob && { deviceId: bob.id, macs: [bob.mac] }),
      },
      trace: { api: 'compliance-retrieval', status: 200, requestId: 'r-1', durationMs: 1 },
    })
  }
  const clock = new FakeClock()
  const dayMs = 86_400_000
  const freshness = {
    compliantFreshMs: dayMs,
    noncompliantFreshMs: dayMs,
    refreshAheadMs: 0,
    outageHoldMs: dayMs,
  }
  const decided: { matchedBy: string; deviceId: string | undefined }[] = []
  const decide = createDecide({
    cache: new ComplianceCache({ lookup, clock, freshness }),
    policy: defaultPolicy,
    clock,
    deadlineMs: 1000,
    portalUrl: 'https://portal.example',
    retryAfterMs: 1000,
    record: ({ decision }) => {
      decided.push({ matchedBy: decision.matchedBy, deviceId: decision.deviceId })
    },
  })
  const app = createServer({
    logger: keptLogger(),
    decide,
    authenticate: createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
  })
  t.teardown(() => app.close())
  return async (url: string, payload: string | object) => {
    decided.length = 0
    const reply = await app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json' },
    })
    return {
      /** What the answer was made of is Alice's: `deviceId` or `mac` says by which identifier. */
      fromAlice: decided.find(({ deviceId }) => deviceId === alice.id)?.matchedBy,
      admits: reply.statusCode === 200 && reply.json().decision === 'allow',
      accepts: reply.body.includes('"control:Auth-Type":{"op":":=","do_xlat":false,"value":["Accept"]}'),
      status: reply.statusCode,
    }
  }
}

/** Runs a property with each seed, and demands that it was run. */
export async function holds<T>(t: Test, property: fc.IAsyncProperty<T>) {
  for (const seed of seeds) {
    const details = await fc.check(property, { numRuns, seed })
    if (details.failed) {
      const again = `FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns} node test/attacks/who-is-it.test.ts`
      t.fail(`again with: ${again}\n${(await fc.asyncDefaultReportMessage(details)) ?? ''}`)
    }
    t.equal(details.numRuns, numRuns, `${details.numRuns} cases with the seed ${seed}`)
  }
}
