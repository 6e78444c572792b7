import t from 'tap'
import { type CpuProfile, formatShares, sharesOfCpu, sharesOfHeap } from './profile-table.ts'

const file = (path: string) => `file://${process.cwd()}/${path}`
const frame = (functionName: string, url = '', lineNumber = 9) => ({ functionName, url, lineNumber })

t.test(
  'processor time is told by function and by part, native code by its caller, waiting left out',
  async (t) => {
    const profile: CpuProfile = {
      nodes: [
        { id: 1, callFrame: frame('(root)'), children: [2, 3, 5] },
        { id: 2, callFrame: frame('(idle)') },
        { id: 3, callFrame: frame('decide', file('src/decision/decide.ts')), children: [4] },
        { id: 4, callFrame: frame('oneShotDigest') },
        { id: 5, callFrame: frame('get', `${process.cwd()}/node_modules/@scope/cache/index.js`) },
      ],
      samples: [2, 3, 4, 5, 2],
      timeDeltas: [0, 500, 100, 300, 200],
    }
    const { functions, parts } = sharesOfCpu(profile)
    t.strictSame(
      functions.map(({ name, amount }) => [name, amount]),
      [
        ['oneShotDigest', 300],
        ['get @scope/cache › index.js:10', 200],
        ['decide src/decision/decide.ts:10', 100],
      ],
    )
    t.strictSame(
      parts.map(({ name, amount }) => [name, amount]),
      [
        ['src/decision', 400],
        ['@scope/cache', 200],
      ],
    )
    t.match(
      formatShares(parts, { heading: 'ms', scale: 1 / 1000, rows: 1 }),
      /\| 66\.7 \| 0\.4 \| src\/decision \|$/,
    )
  },
)

t.test('allocations are summed over the tree', async (t) => {
  const child = { callFrame: frame('write', file('src/telemetry/log.ts')), selfSize: 30, children: [] }
  const native = { callFrame: frame('randomUUID', 'node:internal/crypto/random'), selfSize: 5, children: [] }
  const { functions, parts } = sharesOfHeap({
    head: { callFrame: frame('(root)'), selfSize: 0, children: [child, child, native] },
  })
  t.match(functions[0], { name: 'write src/telemetry/log.ts:10', amount: 60 })
  t.strictSame(
    parts.map(({ name, amount }) => [name, amount]),
    [
      ['src/telemetry', 60],
      ['node:internal/crypto/random', 5],
    ],
  )
})
