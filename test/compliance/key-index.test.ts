import t from 'tap'
import { KeyIndex } from '../../src/compliance/key-index.ts'

/** Every number that the index has for a hash. */
function found(index: KeyIndex, hash: number): number[] {
  const numbers: number[] = []
  for (let number = index.first(hash); number !== 0; number = index.after(number)) numbers.push(number)
  return numbers.sort()
}

t.test('numbers are found by their hash, also where several share one or a bucket', async (t) => {
  const index = new KeyIndex(7)
  const [hash, sameBucket] = [5, 5 + 8]
  index.add(1, hash)
  index.add(2, sameBucket)
  index.add(3, hash)
  index.add(4, -1)
  t.same(found(index, hash), [1, 3])
  t.same(found(index, sameBucket), [2])
  t.same(found(index, -1), [4])
  t.same(found(index, 6), [])
  index.remove(2)
  t.same(found(index, hash), [1, 3], 'one in the middle is gone')
  index.remove(3)
  t.same(found(index, hash), [1], 'the first is gone')
  index.add(7, hash)
  index.remove(1)
  t.same(found(index, hash), [7], 'the last is gone')
})

t.test('equal keys have one hash, others hardly ever, and no two indexes the same', async (t) => {
  const index = new KeyIndex(1)
  const hashes = new Set<number>()
  for (let number = 0; number < 10_000; number += 1) hashes.add(index.hash(`mac/${number}`))
  t.ok(hashes.size > 9990, `${hashes.size} of 10000`)
  t.equal(index.hash('mac/005056A4895A'), index.hash('mac/005056A4895A'))
  const others = Array.from({ length: 5 }, () => new KeyIndex(1).hash('mac/005056A4895A'))
  t.ok(new Set(others).size > 1)
})
