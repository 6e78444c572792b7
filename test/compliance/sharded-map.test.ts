import t from 'tap'
import { ShardedMap } from '../../src/compliance/sharded-map.ts'

t.test('it is a map, whatever the keys are', async (t) => {
  const map = new ShardedMap<number>()
  const keys = [
    '',
    'a',
    'mac/00AA000000FF',
    'deviceId/x',
    'é',
    ...Array.from({ length: 5000 }, (_, i) => `k${i}`),
  ]
  for (const [index, key] of keys.entries()) map.set(key, index)
  t.same(
    keys.map((key) => map.get(key)),
    keys.map((_, index) => index),
  )
  map.set('a', 7)
  t.equal(map.get('a'), 7, 'replaced')
  t.equal(map.delete('a'), true)
  t.equal(map.delete('a'), false)
  t.equal(map.get('a'), undefined)
  t.equal(map.get('none'), undefined)
})
