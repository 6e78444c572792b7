import t from 'tap'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { DecisionTraces } from '../../src/trace/decision-traces.ts'
import { TraceStore, type TraceTexts } from '../../src/trace/trace-store.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

function decided(decisionId: string, client = 'local'): DecisionRecord {
  return {
    decision: {
      decisionId,
      outcome: 'fail',
      reason: 'intune_unavailable',
      complianceState: null,
      enrolled: null,
      matchedBy: 'mac',
      device: '005056A4895A',
      source: 'none',
      ageMs: 0,
      stale: false,
      expiresInMs: 1,
    },
    request: { identity: { identifiers: [] }, refresh: false, frontend: 'json', client },
    sent: 'unavailable',
    totalMs: 1,
    skippedKinds: [],
    rankConflict: false,
    answer: {
      known: false,
      verdict: 'failed',
      fault: { code: 'connection_refused', message: 'host-7 refuses', host: 'host-7' },
    } as unknown as NonNullable<DecisionRecord['answer']>,
  }
}

type Row = Parameters<TraceTexts['append']>[0][number]

/** Texts in memory, behind a disk that can be full. */
function open(parts: { maxDecisions?: number; maxWaiting?: number } = {}) {
  const clock = new FakeClock()
  const rows: Row[] = []
  const disk = { isFull: false, mode: 'read_write' as ReturnType<TraceTexts['mode']>, turns: 0, hangs: false }
  const texts: TraceTexts = {
    async append(more) {
      disk.turns += 1
      if (disk.hangs) await new Promise(() => {})
      if (!disk.isFull) rows.push(...more)
      return !disk.isFull
    },
    find: async (id) => rows.find(({ decisionId }) => decisionId === id)?.text,
    latest: async (devices, { limit }) => ({
      texts: rows
        .filter((row) => devices === undefined || row.devices.some((device) => devices.includes(device)))
        .map(({ text }) => text)
        .reverse()
        .slice(0, limit),
      isComplete: !disk.isFull,
    }),
    mode: () => disk.mode,
    problem: () => undefined,
    close: async () => {},
  }
  const mask = (device: string) => (device === '' ? '' : `masked ${device}`)
  const store = new TraceStore({
    texts,
    clock,
    mask,
    ...(parts.maxWaiting !== undefined && { maxWaiting: parts.maxWaiting }),
  })
  const traces = new DecisionTraces({
    clock,
    mask,
    policyInForce: () => defaultPolicy,
    maxDecisions: parts.maxDecisions ?? 3,
  })
  traces.attachStore(store)
  return { clock, rows, disk, store, traces }
}

const ids = (traces: readonly { decisionId: string }[] = []) => traces.map(({ decisionId }) => decisionId)

t.test('decisions that the memory has forgotten are found in the store', async (t) => {
  const { clock, store, traces } = open()
  for (let index = 0; index < 10; index += 1) {
    traces.keep(decided(`d${index}`))
    await clock.advance(1)
  }
  await clock.advance(1000)
  t.match(store.status(), { waiting: 0, written: 10, dropped: 0 })
  t.match(await traces.find('d0'), { decisionId: 'd0', identifiers: [] })
  t.match(await traces.find('d9'), { decisionId: 'd9' })
  t.equal(await traces.find('x'), undefined)
  t.same(ids(await traces.latest(5)), ['d9', 'd8', 'd7', 'd6', 'd5'])
  t.same(ids(await traces.about('00:50:56:A4:89:5A', 100)).length, 10, 'each of them once')
  t.same(await traces.about('00:50:56:A4:89:5B', 100), [])
})

t.test('a story of the time before null says that nothing was determined, too', async (t) => {
  const { rows, store, traces, clock } = open()
  traces.keep(decided('d-1'))
  await clock.advance(1000)
  const [row] = rows
  if (!row) throw new Error('nothing was written')
  const text = row.text
    .replace('"enrolled":null', '"enrolled":false')
    .replace('"complianceState":null', '"complianceState":"unknown"')
  t.not(text, row.text)
  rows[0] = { ...row, text }
  t.match(await store.find('d-1'), { fact: { enrolled: null, complianceState: null, source: 'none' } })
})

t.test('what is stored is masked', async (t) => {
  const { clock, rows, traces } = open()
  traces.keep(decided('d0'))
  await clock.advance(1000)
  t.same(rows[0]?.devices, ['masked 005056A4895A'])
  t.equal(rows.length, 1)
})

t.test('of a stored decision too, a client sees its own, and no host', async (t) => {
  const { clock, traces } = open({ maxDecisions: 1 })
  traces.keep(decided('d0', 'radius-1'))
  traces.keep(decided('d1', 'radius-1'))
  await clock.advance(1000)
  t.match(await traces.find('d0'), { fault: { host: 'host-7', message: 'host-7 refuses' } })
  const own = await traces.findFor('radius-1', 'd0')
  t.match(own, { decisionId: 'd0', fault: { host: null, code: 'connection_refused' } })
  t.notMatch(JSON.stringify(own), /host-7/)
  t.same(own?.fault, (await traces.findFor('radius-1', 'd1'))?.fault, 'as one from memory')
  t.equal(await traces.findFor('radius-2', 'd0'), undefined)
})

t.test('nothing is told or written while a decision is made', async (t) => {
  const { clock, disk, store, traces } = open()
  traces.keep(decided('d0'))
  t.equal(disk.turns, 0)
  t.match(store.status(), { waiting: 1, written: 0 })
  await clock.advance(1000)
  t.equal(disk.turns, 1)
})

t.test('a burst is written in turns, and what does not fit into the queue is counted', async (t) => {
  const { clock, disk, store, traces } = open({ maxWaiting: 120 })
  for (let index = 0; index < 150; index += 1) traces.keep(decided(`d${index}`))
  t.match(store.status(), { waiting: 120, dropped: 30 })
  await clock.advance(1000)
  t.match(store.status(), { waiting: 0, written: 120, dropped: 30 })
  t.equal(disk.turns, 3)
})

t.test('while the disk is full decisions wait, and are written once', async (t) => {
  const { clock, disk, rows, store, traces } = open({ maxWaiting: 100 })
  disk.isFull = true
  for (let index = 0; index < 80; index += 1) traces.keep(decided(`d${index}`))
  await clock.advance(5000)
  t.match(store.status(), { waiting: 80, written: 0, dropped: 0 })
  disk.isFull = false
  await clock.advance(5000)
  t.match(store.status(), { waiting: 0, written: 80, dropped: 0 })
  t.same(
    ids(rows),
    Array.from({ length: 80 }, (_, index) => `d${index}`),
  )
})

t.test('what waits at the end is written before the file is closed', async (t) => {
  const { rows, store, traces } = open()
  for (let index = 0; index < 120; index += 1) traces.keep(decided(`d${index}`))
  await store.close()
  t.equal(rows.length, 120)
})

t.test('a disk that hangs does not hold up the end', async (t) => {
  const { clock, disk, store, traces } = open()
  disk.hangs = true
  traces.keep(decided('d0'))
  await clock.advance(300)
  const closed = store.close()
  await clock.advance(3000)
  await closed
  t.match(store.status(), { written: 0 })
})

t.test('without a file that can be written every decision counts as dropped', async (t) => {
  const { disk, store, traces } = open()
  disk.mode = 'memory_only'
  traces.keep(decided('d0'))
  t.match(store.status(), { mode: 'memory_only', waiting: 0, dropped: 1 })
  t.match(await traces.find('d0'), { decisionId: 'd0' }, 'the memory has it')
})

t.test('a text that cannot be read is no trace', async (t) => {
  const { rows, traces } = open()
  for (const text of ['', '{', '{}', 'null'])
    rows.push({ decisionId: `x${text}`, decidedAtMs: 0, devices: [], text })
  t.equal(await traces.find('x{'), undefined)
  t.same(await traces.latest(10), [])
})

t.test('a search says where what is stored was not seen to the end', async (t) => {
  const { disk, traces } = open()
  traces.keep(decided('d0'))
  t.match(await traces.search({}, 10), { traces: [{ decisionId: 'd0' }], isComplete: true })
  disk.isFull = true
  t.match(await traces.search({}, 10), { traces: [{ decisionId: 'd0' }], isComplete: false })
})
