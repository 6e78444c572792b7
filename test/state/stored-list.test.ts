import t from 'tap'
import type { NoncompliantList } from '../../src/compliance/noncompliant-list.ts'
import type { KeepLater } from '../../src/state/state-database.ts'
import { StoredList } from '../../src/state/stored-list.ts'
import { countTurns } from '../fakes/count-turns.ts'

/** Documents as the state file keeps them; every exchange with its thread takes a turn of the event loop. */
function documents() {
  const kept = new Map<string, { value: string; writtenAtMs: number }>()
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const disk = { fails: false }
  return {
    kept,
    disk,
    async putDocument(
      name: string,
      value: string,
      writtenAtMs: number,
      { keepLaterUpToMs = Number.MIN_SAFE_INTEGER }: KeepLater = {},
    ) {
      await turn()
      if (disk.fails) return false
      const keptMs = kept.get(name)?.writtenAtMs ?? 0
      if (keptMs <= writtenAtMs || keptMs > keepLaterUpToMs) kept.set(name, { value, writtenAtMs })
      return true
    },
    async getDocument(name: string, knownMs?: number) {
      await turn()
      const found = kept.get(name)
      return found !== undefined && found.writtenAtMs !== knownMs ? found.value : undefined
    },
    async forgetDocuments(prefix: string, but: string) {
      await turn()
      for (const name of kept.keys()) if (name.startsWith(prefix) && !name.startsWith(but)) kept.delete(name)
    },
  }
}

/** At 100 ms by a clock that nobody contradicts, or that is so much ahead. */
const listIn = (store: ReturnType<typeof documents>, aheadMs = 0) =>
  new StoredList({
    store,
    clock: { nowMs: () => 100 + aheadMs },
    witness: { aheadMs: () => aheadMs, isConfirmed: () => false },
  })

const listOf = (count: number, listedAtMs: number): NoncompliantList => ({
  listedAtMs,
  devices: Array.from({ length: count }, (_, index) => ({
    deviceId: `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`,
    macs: [index.toString(16).toUpperCase().padStart(12, '0')],
  })),
})

t.test('a long list is written and read in pieces, with turns of the event loop in between', async (t) => {
  const store = documents()
  const list = listOf(125_001, 10)
  const saved = await countTurns(listIn(store).save(list))
  t.ok(saved >= 63, `${saved} turns to write it`)
  for (const [name, { value }] of store.kept)
    t.ok(value.length < 200_000, `${name}: ${value.length} characters`)
  const reading = listIn(store).load()
  const read = await countTurns(reading)
  t.ok(read >= 63, `${read} turns to read it`)
  t.strictSame(await reading, list)
})

t.test('a list that is only half there is none', async (t) => {
  const store = documents()
  const stored = listIn(store)
  await stored.save(listOf(5000, 10))
  store.kept.delete('noncompliant-list/10/1')
  t.equal(await listIn(store).load(), undefined)
  store.disk.fails = true
  await stored.save(listOf(5000, 20))
  t.equal(await listIn(store).load(), undefined)
  t.equal(stored.current?.listedAtMs, 20, 'what is known is known, to be written again')
})

t.test('a later list takes the place of the one before, whoever writes it', async (t) => {
  const store = documents()
  const [one, other] = [listIn(store), listIn(store)]
  await one.save(listOf(5000, 10))
  await other.save(listOf(3, 20))
  t.equal((await one.load())?.devices.length, 3)
  t.notOk(
    [...store.kept.keys()].some((name) => name.startsWith('noncompliant-list/10/')),
    'nothing is left of it',
  )
  await one.save(listOf(4, 15))
  t.equal((await listIn(store).load())?.listedAtMs, 20, 'an older one does not come back')
  t.notOk([...store.kept.keys()].some((name) => name.startsWith('noncompliant-list/15/')))
  t.equal(await other.load(), undefined, 'and what is known already is not read again')
})

t.test('a list that is dated in the future gives way, and none is where servers say the time', async (t) => {
  const store = documents()
  await listIn(store).save(listOf(5, 500))
  const after = listIn(store)
  await after.save(listOf(4, 90))
  t.equal((await listIn(store).load())?.listedAtMs, 90)
  await listIn(store, 1000).save(listOf(3, 1095))
  t.equal((await after.load())?.listedAtMs, 95)
})

t.test('what another version has written, or nobody, is no list', async (t) => {
  for (const value of [
    '{"listedAtMs":10,"devices":[]}',
    '{"listedAtMs":10}',
    'null',
    '[]',
    '{',
    'x'.repeat(500),
  ]) {
    const store = documents()
    await store.putDocument('noncompliant-list', value, 10)
    t.equal(await listIn(store).load(), undefined, value.slice(0, 40))
  }
})
