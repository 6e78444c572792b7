import fc from 'fast-check'
import t from 'tap'
import type { UnclearText } from '../../src/decision/request-context.ts'
import { compileTextPatterns } from '../../src/decision/text-pattern.ts'
import { factsOf, policyOf } from '../policy/policy-facts.ts'

/** Whether some text is matched by both globs, letter by letter: slow, and plainly right. */
function haveTextInCommon(one: string, other: string): boolean {
  if (one === '' && other === '') return true
  const isStar = (glob: string) => glob.startsWith('*')
  return (
    (isStar(one) && haveTextInCommon(one.slice(1), other)) ||
    (isStar(other) && haveTextInCommon(one, other.slice(1))) ||
    (isStar(one) && other !== '' && !isStar(other) && haveTextInCommon(one, other.slice(1))) ||
    (isStar(other) && one !== '' && !isStar(one) && haveTextInCommon(one.slice(1), other)) ||
    (one !== '' && !isStar(one) && one[0] === other[0] && haveTextInCommon(one.slice(1), other.slice(1)))
  )
}

t.test('a text with lost octets may be what a pattern means, exactly where some text is both', async (t) => {
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '!', '*'), maxLength: 7 })
  const text = fc.string({ unit: fc.constantFrom('a', '!', '#', '\uFFFD'), minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(glob, text, (pattern, given) => {
      const wild = given.replace(/\uFFFD[\x30-\x7e]?/g, '*')
      return (compileTextPatterns([pattern])(given) !== false) === haveTextInCommon(pattern, wild)
    }),
    { numRuns: 20_000 },
  )
  t.pass('20,000 pairs')
})

t.test('500 rules read a text once, to decide and to explain', async (t) => {
  const rules = Array.from({ length: 500 }, (_, index) => ({
    name: `rule ${index}`,
    when: { ssid: [`Netz-${index}`, `Büro-${index}*`], nasIdentifier: `ap-${index}` },
    decision: 'deny',
  }))
  const policy = policyOf(JSON.stringify({ rules }))
  const texts = (name: string): UnclearText => ({
    alternatives: Array.from({ length: 64 }, (_, index) => `${name} \uFFFD!${index}ü`),
    isOpen: false,
  })
  const facts = factsOf({ context: { ssid: texts('Lobby'), nasIdentifier: texts('switch') } })
  const { normalize } = String.prototype
  let read = 0
  String.prototype.normalize = function (this: string, ...form) {
    read += 1
    return normalize.apply(this, form)
  }
  try {
    t.match(policy.decide(facts), { rule: /^builtin/ })
    t.equal(policy.explain(facts).length > 500, true)
  } finally {
    String.prototype.normalize = normalize
  }
  t.ok(read <= 2 * 64, `${read} texts were read`)
})
