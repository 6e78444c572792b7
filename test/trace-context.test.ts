import fc from 'fast-check'
import t from 'tap'
import {
  childTraceparent,
  currentTrace,
  outsideTrace,
  parseTraceparent,
  withinTrace,
} from '../src/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const zeros = (count: number) => '0'.repeat(count)

t.test('a traceparent field is read', async (t) => {
  t.same(parseTraceparent(`00-${traceId}-${parentId}-01`), { traceId, sampled: true })
  t.same(parseTraceparent(`00-${traceId}-${parentId}-00`), { traceId, sampled: false })
  t.same(parseTraceparent(`00-${traceId}-${parentId}-fe`), { traceId, sampled: false }, 'reserved flags')
  t.same(parseTraceparent(`00-${traceId}-${parentId}-09`), { traceId, sampled: true }, 'reserved flags')
  t.same(parseTraceparent(`cc-${traceId}-${parentId}-01`), { traceId, sampled: true }, 'a later version')
  t.same(parseTraceparent(`cc-${traceId}-${parentId}-01-what`), { traceId, sampled: true }, 'with more')
})

for (const [what, field] of [
  ['nothing', undefined],
  ['an empty field', ''],
  ['version ff', `ff-${traceId}-${parentId}-01`],
  ['a trace id of zeros', `00-${zeros(32)}-${parentId}-01`],
  ['a parent id of zeros', `00-${traceId}-${zeros(16)}-01`],
  ['upper case', `00-${traceId.toUpperCase()}-${parentId}-01`],
  ['a short trace id', `00-${traceId.slice(1)}-${parentId}-01`],
  ['no flags', `00-${traceId}-${parentId}`],
  ['one digit of flags', `00-${traceId}-${parentId}-1`],
  ['more in version 00', `00-${traceId}-${parentId}-01-what`],
  ['a line end in version 00', `00-${traceId}-${parentId}-01\n`],
  ['a later version that goes on without a dash', `cc-${traceId}-${parentId}-01.what`],
  ['space around it', ` 00-${traceId}-${parentId}-01`],
  ['two fields', `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`],
  ['a list', [`00-${traceId}-${parentId}-01`]],
] as const) {
  t.test(`${what} is as good as no traceparent`, async (t) => {
    t.equal(parseTraceparent(field), undefined)
  })
}

t.test('what is read is harmless whatever was sent, and what is sent can be read', async () => {
  const field = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.?$/),
  )
  fc.assert(
    fc.property(field, (sent) => {
      const context = parseTraceparent(sent)
      if (context === undefined) return true
      const child = childTraceparent(context)
      return (
        /^[0-9a-f]{32}$/.test(context.traceId) &&
        sent.includes(context.traceId) &&
        JSON.stringify(parseTraceparent(child)) === JSON.stringify(context)
      )
    }),
    { numRuns: 2000 },
  )
})

t.test('every request below a trace is a span of its own', async (t) => {
  const spans = [1, 2, 3].map(() => childTraceparent({ traceId, sampled: true }))
  for (const span of spans) t.match(span, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  t.equal(new Set(spans).size, 3)
  t.match(childTraceparent({ traceId, sampled: false }), /-00$/, 'what is not recorded stays unrecorded')
})

t.test('a trace holds for what is begun inside it and no further', async (t) => {
  const context = { traceId, sampled: true }
  t.equal(currentTrace(), undefined)
  const inside = withinTrace(context, async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return [currentTrace(), outsideTrace(() => currentTrace()), currentTrace()]
  })
  t.equal(currentTrace(), undefined, 'not for what comes after it')
  t.same(await inside, [context, undefined, context])
  t.equal(
    withinTrace(undefined, () => currentTrace()),
    undefined,
  )
})
