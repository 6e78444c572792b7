import t from 'tap'
import { type Cell, faults, hops, playMatrix } from './failure-matrix.ts'
import { findViolations, formatMatrix } from './violations.ts'

t.setTimeout(180_000)

let cells: readonly Cell[] = []
t.before(async () => {
  cells = await playMatrix()
  t.comment(`\n${formatMatrix(cells)}`)
})

const cellOf = (hop: string, fault: string) => cells.find((cell) => cell.hop === hop && cell.fault === fault)

t.test('every fault at every hop is played', async (t) => {
  t.equal(cells.length, hops.length * faults.length)
  t.ok(faults.length >= 18)
})

t.test('no cell is internal, late, leaking, silent or read as an answer of Intune', async (t) => {
  t.same(findViolations(cells), [])
})

t.test('doctor names the hop that was disturbed, or the host of it', async (t) => {
  const steps: Record<string, readonly string[]> = {
    'token for Graph': ['graph_token', 'login_host'],
    discovery: ['discovery', 'graph_host'],
    'token for Intune': ['intune_token'],
    query: ['query', 'intune_host'],
  }
  for (const { hop, fault, diagnosis } of cells) {
    const step = diagnosis.split(':')[0] ?? ''
    t.ok(steps[hop]?.includes(step), `${hop} x ${fault}: ${diagnosis}`)
  }
})

t.test('the codes tell the faults apart', async (t) => {
  for (const hop of hops) {
    t.match(cellOf(hop, 'refused'), { code: 'connection_refused' }, `${hop} x refused`)
    t.match(cellOf(hop, 'untrusted TLS'), { code: 'tls_untrusted' }, `${hop} x untrusted TLS`)
    t.match(cellOf(hop, 'redirect'), { code: 'redirect_refused' }, `${hop} x redirect`)
    t.match(cellOf(hop, 'hang'), { code: 'deadline_exceeded' }, `${hop} x hang`)
    t.match(cellOf(hop, '429'), { code: /_throttled$/ }, `${hop} x 429`)
    t.match(cellOf(hop, '503 HTML'), { code: /_unavailable$/ }, `${hop} x 503 HTML`)
  }
  t.match(cellOf('query', '404'), { reason: 'not_enrolled', diagnosis: 'query: warning' })
})

t.test('a breach of the rules would be found', async (t) => {
  const good = cellOf('query', '500')
  if (!good) throw new Error('the cell is missing')
  const breaches: readonly [Partial<Cell>, RegExp][] = [
    [{ code: 'internal' }, /internal/],
    [{ decisionMs: 401 }, /took 401 ms/],
    [{ leaks: ['the key'] }, /leaks the key/],
    [{ reason: 'not_enrolled', code: '' }, /reads as not enrolled/],
    [{ outcome: 'allow' }, /lets the device in/],
    [{ code: '' }, /no error code/],
    [{ diagnosis: 'ok' }, /sees nothing/],
    [{ remedy: '' }, /no remedy/],
  ]
  for (const [change, sentence] of breaches) {
    t.match(findViolations([{ ...good, ...change }]), [sentence], String(sentence))
  }
})
