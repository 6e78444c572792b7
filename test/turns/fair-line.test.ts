import t from 'tap'
import { FairLine } from '../../src/turns/fair-line.ts'

function lineOf(...items: readonly [name: string, count: number][]) {
  const line = new FairLine<string>()
  for (const [name, count] of items)
    for (let index = 0; index < count; index += 1) line.add(name, `${name}${index}`)
  return line
}
const anybody = () => true

t.test('lanes take turns, and within a lane it is first come, first served', async (t) => {
  const line = lineOf(['a', 4], ['b', 1], ['c', 2])
  const taken: string[] = []
  for (let next = line.take(anybody); next !== undefined; next = line.take(anybody)) taken.push(next.item)
  t.same(taken, ['a0', 'b0', 'c0', 'a1', 'c1', 'a2', 'a3'])
  t.equal(line.size, 0)
})

t.test('who comes back goes to the end', async (t) => {
  const line = lineOf(['a', 3], ['b', 1])
  t.equal(line.take(anybody)?.name, 'a')
  line.add('a', 'late')
  t.equal(line.take(anybody)?.name, 'b')
  line.add('b', 'again')
  t.equal(line.take(anybody)?.name, 'a')
  t.equal(line.take(anybody)?.name, 'b')
})

t.test('a lane that may not go keeps its turn', async (t) => {
  const line = lineOf(['a', 2], ['b', 2])
  t.equal(line.take((name) => name !== 'a')?.item, 'b0')
  t.equal(line.take(anybody)?.item, 'a0')
  t.equal(
    line.take(() => false),
    undefined,
  )
  t.equal(line.size, 2)
})

t.test('the longest lane gives its newest up, of equals the one whose turn comes last', async (t) => {
  const line = lineOf(['a', 2], ['b', 3], ['c', 3])
  t.equal(line.longest, 'c')
  t.equal(line.takeNewest('c'), 'c2')
  t.equal(line.longest, 'b')
  t.equal(line.sizeOf('c'), 2)
  t.equal(line.takeNewest('nobody'), undefined)
  t.equal(new FairLine().longest, undefined)
})

t.test('who is served elsewhere is taken out, and what is not there is left alone', async (t) => {
  const line = lineOf(['a', 1], ['b', 2])
  line.remove('b', 'b0')
  line.remove('b', 'b0')
  line.remove('c', 'c0')
  t.equal(line.size, 2)
  line.remove('a', 'a0')
  t.equal(line.take(anybody)?.item, 'b1')
  t.equal(line.size, 0)
})
