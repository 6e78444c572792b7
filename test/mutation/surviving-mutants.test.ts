import { join } from 'node:path'
import t from 'tap'
import { judge, type MutantResult, readAccepted, shorten } from '../../scripts/surviving-mutants.ts'

const mutant = (becomes: string, result: MutantResult['result']): MutantResult => ({
  file: 'src/identity/a.ts',
  line: 'return a && b',
  code: 'a && b',
  becomes,
  result,
})
const keyOf = ({ result: _, ...mutation }: MutantResult) => mutation

t.test('the score counts what runs, and a survivor has to be on the list', async (t) => {
  const results = [mutant('true', 'noticed'), mutant('a || b', 'survived'), mutant('', 'invalid')]
  t.match(judge(results, []), { score: 50, unlisted: [{ becomes: 'a || b' }], outdated: [] })
  t.strictSame(judge(results, results.slice(1, 2).map(keyOf)), { score: 50, unlisted: [], outdated: [] })
})

t.test('an entry for what a test notices, or for code that is gone, is outdated', async (t) => {
  const noticed = mutant('true', 'noticed')
  const gone = { ...keyOf(noticed), line: 'return b && a' }
  t.strictSame(judge([noticed], [keyOf(noticed), gone]).outdated, [keyOf(noticed), gone])
})

t.test('the same change of the same code on another line is another mutant', async (t) => {
  const survivor = mutant('true', 'survived')
  const elsewhere = { ...survivor, line: 'if (a && b) return 1' }
  t.match(judge([survivor, elsewhere], [keyOf(survivor)]).unlisted, [{ line: 'if (a && b) return 1' }])
})

t.test('a list without a reason, or with a misspelt key, is refused', async (t) => {
  const mutants = '[{ file: a.ts, line: b, code: c, becomes: d }]'
  const lists = t.testdir({
    good: `- why: both give the same text to everybody\n  mutants: ${mutants}\n`,
    'no-reason': `- mutants: ${mutants}\n`,
    'no-words': `- why: 'yes'\n  mutants: ${mutants}\n`,
    misspelt: `- why: both give the same text to everybody\n  mutants: [{ file: a, line: b, cod: c, becomes: d }]\n`,
    empty: '[]\n',
  })
  t.strictSame(readAccepted(join(lists, 'good')), [{ file: 'a.ts', line: 'b', code: 'c', becomes: 'd' }])
  t.strictSame(readAccepted(join(lists, 'empty')), [])
  for (const name of ['no-reason', 'no-words', 'misspelt'])
    t.throws(() => readAccepted(join(lists, name)), name)
})

t.test('the list of this project can be read', async (t) => {
  t.ok(Array.isArray(readAccepted(join(import.meta.dirname, 'survivors.yaml'))))
})

t.test('code is shown on one line and not without end', async (t) => {
  t.equal(shorten('  {\n    return a\n  }\n'), '{ return a }')
  t.equal(shorten('x'.repeat(120)), 'x'.repeat(120))
  t.equal(shorten('x'.repeat(121)), `${'x'.repeat(120)}...`)
})
