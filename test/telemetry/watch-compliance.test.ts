import { pino } from 'pino'
import t from 'tap'
import { watchCompliance, watchState } from '../../src/telemetry/watch-compliance.ts'

function build() {
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const counted: string[] = []
  const metrics = {
    anomaly: (kind: string) => counted.push(kind),
    guardTripped: (cause: string) => counted.push(cause),
    listFailed: () => counted.push('list failed'),
  }
  return { lines, counted, logger, events: watchCompliance(logger, metrics) }
}

t.test('an outage of a service is one warning, however many probes fail in it', async (t) => {
  const { events, lines } = build()
  const open = { state: 'open', cause: 'failures', consecutiveFailures: 5, openings: 1 } as const
  events.breakerChanged?.('nac', { ...open, nextProbeAtMs: 2000 })
  events.breakerChanged?.('nac', { ...open, state: 'half_open' })
  events.breakerChanged?.('nac', { ...open, nextProbeAtMs: 4000 })
  events.breakerChanged?.('graph', { ...open, nextProbeAtMs: 4000 })
  events.breakerChanged?.('nac', { state: 'closed', consecutiveFailures: 0, openings: 1 })
  events.breakerChanged?.('nac', { ...open, openings: 2, nextProbeAtMs: 10_000 })
  const away = { event: 'intune_away', service: 'nac' }
  t.match(lines, [
    { level: 40, ...away, cause: 'failures', nextProbeAt: '1970-01-01T00:00:02.000Z' },
    { level: 20, ...away },
    { level: 40, ...away, service: 'graph' },
    { level: 30, event: 'intune_back', service: 'nac' },
    { level: 40, ...away },
  ])
})

t.test('a held burst is an error that says what to do', async (t) => {
  const { events, lines, counted } = build()
  events.guardTripped?.({ cause: 'truncated', flips: 3, rows: 2000, rowsBefore: 19_000 })
  events.regressed?.()
  events.listUsed?.({ listedAtMs: 0, devices: [] }, 4)
  events.listFailed?.({ code: 'intune_unavailable', message: '' })
  t.same(counted, ['truncated', 'regressed', 'list failed'])
  t.match(lines, [
    { level: 50, event: 'guard_holding', cause: 'truncated', rowsBefore: 19_000, msg: /guard\/accept/ },
    { level: 30, event: 'noncompliant_list', devices: 0, marked: 4 },
  ])
})

t.test('what is wrong with the state file is an error that says what it means', async (t) => {
  const { logger, lines } = build()
  const replaced: string[] = []
  const notice = watchState(logger, { fileReplaced: (file) => replaced.push(file) })
  notice({ problem: 'corrupt', file: '/state/x', movedTo: '/state/x.set-aside', consequence: 'new_file' })
  notice({ problem: 'unusable', file: '/state/x', consequence: 'memory_only' })
  notice({ problem: 'read_only', file: '/state/x', consequence: 'read_only' })
  notice({ problem: 'full', file: '/state/x', consequence: 'not_written_for_now' })
  notice({ problem: 'unusable', file: '/state/x', consequence: 'not_looked_at' })
  notice({ problem: 'replaced', file: '/state/x', consequence: 'written_again' })
  t.match(lines, [
    { level: 50, event: 'state_file', problem: 'corrupt', movedTo: '/state/x.set-aside', msg: /moved aside/ },
    { msg: /will not survive a restart/ },
    { msg: /only be read/ },
    { msg: /tried again/ },
    { level: 50, msg: /nobody would notice/ },
    { level: 40, problem: 'replaced', consequence: 'written_again', msg: /gets everything/ },
  ])
  t.same(replaced, ['state'], 'and counted where it is another file')
})
