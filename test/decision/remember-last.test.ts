import t from 'tap'
import { rememberLast } from '../../src/decision/remember-last.ts'

t.test('the same thing twice in a row is made once', async (t) => {
  const made: (string | undefined)[] = []
  const remembered = rememberLast((given: string | undefined) => {
    made.push(given)
    return { given }
  })
  const first = remembered('a')
  t.same(first, { given: 'a' })
  t.equal(remembered('a'), first)
  t.same(remembered('b'), { given: 'b' })
  t.same(remembered(undefined), { given: undefined })
  t.same(remembered(undefined), { given: undefined })
  t.same(remembered('a'), { given: 'a' })
  t.same(made, ['a', 'b', undefined, 'a'])
})

t.test('nothing is a thing too, also the first one', async (t) => {
  t.equal(rememberLast((given: undefined) => String(given))(undefined), 'undefined')
})
