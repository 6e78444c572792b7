import t from 'tap'
import { noWitness } from '../../src/clock.ts'
import type { NoncompliantList } from '../../src/compliance/noncompliant-list.ts'
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
    async putDocument(name: string, value: string, writtenAtMs: number, { unlessLater = false } = {}) {
      await turn()
      if (disk.fails) return false
      if (!unlessLater || (kept.get(name)?.writtenAtMs ?? 0) < writtenAtMs)
        kept.set(name, { value, writtenAtMs })
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
  const saved = await countTurns(new StoredList(store, noWitness).save(list))
  t.ok(saved >= 63, `${saved} turns to write it`)
  for (const [name, { value }] of store.kept)
    t.ok(value.length < 200_000, `${name}: ${value.length} characters`)
  const reading = new StoredList(store, noWitness).load()
  const read = await countTurns(reading)
  t.ok(read >= 63, `${read} turns to read it`)
  t.strictSame(await reading, list)
})

t.test('a list that is only half there is none', async (t) => {
  const store = documents()
  const stored = new StoredList(store, noWitness)
  await stored.save(listOf(5000, 10))
  store.kept.delete('noncompliant-list/10/1')
  t.equal(await new StoredList(store, noWitness).load(), undefined)
  store.disk.fails = true
  await stored.save(listOf(5000, 20))
  t.equal(await new StoredList(store, noWitness).load(), undefined)
  t.equal(stored.current?.listedAtMs, 20, 'what is known is known, to be written again')
})

t.test('the list that is written last takes the place of the one before, whoever writes it', async (t) => {
  const store = documents()
  const [one, other] = [new StoredList(store, noWitness), new StoredList(store, noWitness)]
  await one.save(listOf(5000, 10))
  await other.save(listOf(3, 20))
  t.equal((await one.load())?.devices.length, 3)
  t.notOk(
    [...store.kept.keys()].some((name) => name.startsWith('noncompliant-list/10/')),
    'nothing is left of it',
  )
  t.equal(await one.load(), undefined, 'what is known already is not read again')
  await one.save(listOf(4, 15))
  t.equal((await other.load())?.listedAtMs, 15, 'the date of the one before may be from a wrong clock')
  await one.load()
  await other.saveAgain()
  t.equal((await new StoredList(store, noWitness).load())?.listedAtMs, 15)
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
    t.equal(await new StoredList(store, noWitness).load(), undefined, value.slice(0, 40))
  }
})
