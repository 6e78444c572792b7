import t from 'tap'
import { CircuitBreaker } from '../../src/compliance/circuit-breaker.ts'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import { MassFlipGuard } from '../../src/compliance/mass-flip-guard.ts'
import { NoncompliantListing } from '../../src/compliance/noncompliant-listing.ts'
import { NoncompliantPoller } from '../../src/compliance/noncompliant-poller.ts'
import { createNoncompliantSnapshotReader } from '../../src/compliance/read-noncompliant-snapshot.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { createStepRunner } from '../../src/connection/step-runner.ts'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { failure, success } from '../../src/errors/fault.ts'
import { createAskIfThere } from '../../src/intune/ask-service.ts'
import { createServiceDirectory } from '../../src/intune/discovery.ts'
import { createDriftSentinel } from '../../src/intune/drift.ts'
import { createMsalWire } from '../../src/intune/msal-network.ts'
import type { HttpRequest, Outbound } from '../../src/intune/outbound.ts'
import { RefreshedValue } from '../../src/intune/refreshed-value.ts'
import { createServiceProbe } from '../../src/intune/service-probe.ts'
import { createDeparture } from '../../src/lifecycle/departure.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { DecisionTraces } from '../../src/trace/decision-traces.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { deviceId, scriptedLookup } from '../fakes/scripted-lookup.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const jumps = {
  '9 h ahead': 9 * hourMs,
  '26 h behind': -26 * hourMs,
  'to 2000-01-01': Date.UTC(2000, 0, 1) - Date.UTC(2026, 10, 23, 8),
}

/** Something that lasts for a while once it has begun. */
interface Wait {
  readonly lastsMs: number
  /** Begins it, and gives what says whether it still lasts; looking may begin it anew. */
  begin(clock: FakeClock): Promise<() => Promise<boolean>>
}

const tokens = {
  get: async () => success('token'),
  another: async () => success('token'),
  status: () => ({ state: 'closed', consecutiveFailures: 0, openings: 0 }) as const,
  expiresAtMs: () => undefined,
}

/** A way out that answers every request in the same way, and counts them. */
function answering(body: string) {
  const sent: HttpRequest[] = []
  const outbound: Outbound = {
    close: async () => {},
    async send(request) {
      sent.push(request)
      return success({ status: 200, headers: {}, body, contentType: '' })
    },
  }
  return { outbound, sent }
}

function refreshedValue(clock: FakeClock) {
  let fetches = 0
  let answer: 'value' | 'fault' = 'value'
  const value = new RefreshedValue<string>({
    clock,
    async fetch() {
      fetches += 1
      if (answer === 'fault') return failure('entra_unavailable', 'scripted')
      const nowMs = clock.monotonicMs()
      return success({ value: 'v', refreshAtMs: nowMs + hourMs, expiresAtMs: nowMs + hourMs })
    },
    onBackgroundFailure: () => {},
  })
  return {
    value,
    fetches: () => fetches,
    fail: () => {
      answer = 'fault'
    },
  }
}

function burst(guard: MassFlipGuard, clock: FakeClock, from: number, count: number): void {
  const record = (complianceState: 'compliant' | 'noncompliant') => ({
    record: { enrolled: true, complianceState, observedAtMs: clock.nowMs() } as const,
    freshUntilMs: 0,
  })
  for (let index = from; index < from + count; index += 1) {
    guard.judge({ key: `k${index}`, before: record('compliant'), after: record('noncompliant') }, 100)
  }
}

const waits: Readonly<Record<string, Wait>> = {
  'a token is valid': {
    lastsMs: hourMs,
    async begin(clock) {
      const { value, fetches } = refreshedValue(clock)
      await value.get()
      return async () => {
        const before = fetches()
        await value.get()
        return fetches() === before
      }
    },
  },
  'a failed token request is not repeated': {
    lastsMs: secondMs,
    async begin(clock) {
      const { value, fetches, fail } = refreshedValue(clock)
      fail()
      await value.get()
      return async () => {
        const before = fetches()
        await value.get()
        return fetches() === before
      }
    },
  },
  'the list of services is known': {
    lastsMs: 24 * hourMs,
    async begin(clock) {
      const uri = 'https://intune.example/x'
      const { outbound, sent } = answering(
        JSON.stringify({ value: [{ providerName: 'NACAPIService', uri }] }),
      )
      const directory = createServiceDirectory(['NACAPIService'], {
        graphUrl: 'https://graph.example',
        allowedHosts: ['intune.example'],
        graphTokens: tokens,
        outbound,
        clock,
        onBackgroundFailure: () => {},
      })
      await directory.services()
      return async () => {
        const before = sent.length
        await directory.services()
        return sent.length === before
      }
    },
  },
  'a service that does not answer is not looked for again': {
    lastsMs: minuteMs,
    async begin(clock) {
      const uri = 'https://intune.example/x'
      const { outbound, sent } = answering(
        JSON.stringify({ value: [{ providerName: 'NACAPIService', uri }] }),
      )
      const discovery = createServiceDirectory(['NACAPIService'], {
        graphUrl: 'https://graph.example',
        allowedHosts: ['intune.example'],
        graphTokens: tokens,
        outbound,
        clock,
        onBackgroundFailure: () => {},
      }).of('NACAPIService')
      await discovery.endpoint()
      await discovery.rediscover(uri)
      return async () => {
        const before = sent.length
        await discovery.rediscover(uri)
        return sent.length === before
      }
    },
  },
  'a service that was looked at is not looked at again': {
    lastsMs: minuteMs,
    async begin(clock) {
      const { outbound, sent } = answering('<ise_api/>')
      const probe = createServiceProbe(3, { intuneTokens: tokens, outbound, clock })
      await probe('https://intune.example')
      return async () => {
        const before = sent.length
        await probe('https://intune.example')
        return sent.length === before
      }
    },
  },
  'a service that is gone is not asked': {
    lastsMs: 10 * minuteMs,
    async begin(clock) {
      let asked = 0
      const ask = createAskIfThere(clock)
      const gone = async () => {
        asked += 1
        return failure('intune_endpoint_gone', 'scripted')
      }
      await ask(deviceId(), gone)
      return async () => {
        const before = asked
        await ask(deviceId(), gone)
        return asked === before
      }
    },
  },
  'a service that asked to be left alone is not asked': {
    lastsMs: 10 * secondMs,
    async begin(clock) {
      const breaker = new CircuitBreaker({ clock, random: () => 0 })
      breaker.acquire('a')?.failed(10 * secondMs)
      return async () => !breaker.admits()
    },
  },
  'one sample of what is new on the wire is logged': {
    lastsMs: hourMs,
    async begin(clock) {
      let samples = 0
      const drift = createDriftSentinel({
        clock,
        onSample: () => {
          samples += 1
        },
      })
      drift.noteFor('nac')('field', 'x')
      return async () => {
        const before = samples
        drift.noteFor('nac')('field', 'x')
        return samples === before
      }
    },
  },
  'a device whose look-up failed is not asked about': {
    lastsMs: secondMs,
    async begin(clock) {
      const intune = scriptedLookup(clock, 'intune_unavailable')
      const cache = new ComplianceCache({
        lookup: intune.lookup,
        clock,
        freshness: { compliantFreshMs: 1, noncompliantFreshMs: 1, refreshAheadMs: 1, outageHoldMs: 1 },
      })
      const ask = () => cache.ask(deviceId(), { refresh: false, waitMs: 1000 })
      await ask()
      return async () => {
        const before = intune.asked.length
        await ask()
        return intune.asked.length === before
      }
    },
  },
  'flips are counted together': {
    lastsMs: 15 * minuteMs,
    async begin(clock) {
      const guard = new MassFlipGuard({ clock, windowMs: 15 * minuteMs - 1, onTrip: () => {} })
      burst(guard, clock, 0, 20)
      return async () => guard.status.recentFlips === 20
    },
  },
  'a burst that was accepted passes': {
    lastsMs: hourMs,
    async begin(clock) {
      const guard = new MassFlipGuard({ clock, windowMs: 15 * minuteMs, onTrip: () => {} })
      burst(guard, clock, 0, 30)
      guard.accept()
      return async () => {
        burst(guard, clock, 100, 30)
        return guard.status.holding === undefined
      }
    },
  },
  'the list of noncompliant devices is not asked for': {
    lastsMs: 4 * hourMs,
    async begin(clock) {
      let queries = 0
      const records = new RememberedRecords({ maxRecords: 10 })
      const poller = new NoncompliantPoller({
        clock,
        listing: new NoncompliantListing({ records, clock }),
        // Whatever the file says: it may have been dated by a wrong clock.
        store: { claimQuery: async () => true, saveList: async () => {}, loadList: async () => undefined },
        async fetchList() {
          queries += 1
          return success({ listedAtMs: clock.nowMs(), devices: [] })
        },
        isUpstreamReady: async () => true,
      })
      await poller.check()
      return async () => {
        const before = queries
        await poller.check()
        return queries === before
      }
    },
  },
  'a snapshot of the noncompliant devices is given again': {
    lastsMs: secondMs,
    async begin(clock) {
      const records = new RememberedRecords({ maxRecords: 10 })
      const read = createNoncompliantSnapshotReader({ records, currentList: () => undefined, clock })
      const first = await read()
      return async () => (await read()) === first
    },
  },
  'a decision can be asked about': {
    lastsMs: 24 * hourMs + 1,
    async begin(clock) {
      const traces = new DecisionTraces({ clock, mask: (text) => text, policyInForce: () => defaultPolicy })
      const record: DecisionRecord = {
        decision: {
          decisionId: 'd',
          outcome: 'allow',
          reason: 'compliant',
          complianceState: 'compliant',
          enrolled: true,
          matchedBy: 'mac',
          device: '005056A4895A',
          source: 'cache',
          ageMs: 0,
          stale: false,
          expiresInMs: 1,
        },
        request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client: 'local' },
        sent: 'accept',
        totalMs: 1,
        skippedKinds: [],
        rankConflict: false,
      }
      traces.keep(record)
      return async () => (await traces.latest(1)).length === 1
    },
  },
}

for (const [what, { lastsMs, begin }] of Object.entries(waits)) {
  t.test(`${what}: for as long as it should, whatever happens to the clock`, async (t) => {
    for (const [jump, ms] of Object.entries(jumps)) {
      const clock = new FakeClock()
      const lasts = await begin(clock)
      clock.jump(ms)
      t.equal(await lasts(), true, `${jump}: not over yet`)
      await clock.advance(lastsMs - 1)
      t.equal(await lasts(), true, `${jump}: until the end`)
      await clock.advance(1)
      t.equal(await lasts(), false, `${jump}: and not for longer`)
    }
  })
}

t.test('what is left of a time limit is not changed by the clock', async (t) => {
  for (const ms of Object.values(jumps)) {
    const clock = new FakeClock()
    const { outbound, sent } = answering('{}')
    const { network } = createMsalWire(outbound, clock, 10_000)
    await network.sendGetRequestAsync('https://login.example/')
    await clock.advance(4000)
    clock.jump(ms)
    await network.sendPostRequestAsync('https://login.example/')
    t.same(
      sent.map(({ timeoutMs }) => timeoutMs),
      [10_000, 6000],
    )
    const runner = createStepRunner(clock, { stepLimitMs: 1000, slowMs: 500 })
    await runner.step('clock', {}, async () => {
      clock.jump(ms)
      return { result: 'ok', detail: 'seen', value: undefined }
    })
    t.match(runner.reports, [{ result: 'ok', durationMs: 0 }])
  }
})

t.test('the goodbye of a stop takes a second, whatever happens to the clock', async (t) => {
  for (const ms of Object.values(jumps)) {
    const clock = new FakeClock()
    const departure = createDeparture(clock)
    const server = {
      addHook: () => {},
      server: { getConnections: (give: (error: null, count: number) => void) => give(null, 1) },
    } as unknown as Parameters<typeof departure.follow>[0]
    departure.follow(server)
    let isOver = false
    void departure.announce(0).then(() => {
      isOver = true
    })
    await settle()
    clock.jump(ms)
    await clock.advance(900)
    t.equal(isOver, false)
    await clock.advance(200)
    t.equal(isOver, true)
  }
})
