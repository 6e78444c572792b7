import { appendFileSync, closeSync, openSync, readSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readOperatorFile, readOperatorFileLater } from '../../src/files/read-operator-file.ts'
import { makeUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'

const mebibyte = 1024 * 1024

t.test('a regular file is read up to its bound, at once and later', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'file')
  symlinkSync(file, join(directory, 'link'))
  for (const bytes of [0, 1, 16 * 1024, 16 * 1024 + 1, mebibyte - 1, mebibyte]) {
    const content = Buffer.alloc(bytes, 'text ')
    writeFileSync(file, content)
    for (const path of [file, join(directory, 'link')]) {
      for (const read of [readOperatorFile(path, mebibyte), await readOperatorFileLater(path, mebibyte)]) {
        t.ok(read.ok && read.value.equals(content), `${bytes} bytes`)
      }
    }
  }
  appendFileSync(file, 'x')
  const refused = { ok: false, why: 'is larger than 1 MiB' }
  t.same(readOperatorFile(file, mebibyte), refused)
  t.same(await readOperatorFileLater(file, mebibyte), refused)
  t.match(readOperatorFile(file, 256 * 1024), { why: 'is larger than 256 KiB' })
})

t.test('whatever else has the name is refused by what it is, without waiting', async (t) => {
  const path = join(t.testdir(), 'file')
  for (const kind of Object.keys(unusualKinds) as UnusualKind[]) {
    const made = await makeUnusual(t, path, kind)
    const startedMs = performance.now()
    t.match(readOperatorFile(made, mebibyte), { ok: false, why: unusualKinds[kind] }, kind)
    t.match(await readOperatorFileLater(made, mebibyte), { ok: false, why: unusualKinds[kind] }, kind)
    t.ok(performance.now() - startedMs < 2000, kind)
  }
  const gone = { ok: false, why: 'does not exist' }
  t.same(readOperatorFile(`${path}.gone`, mebibyte), gone)
  t.same(await readOperatorFileLater(`${path}.gone`, mebibyte), gone)
})

t.test('a FIFO that is refused takes nothing from who reads it', async (t) => {
  const fifo = await makeUnusual(t, join(t.testdir(), 'file'), 'fifo')
  const both = openSync(fifo, 'r+')
  appendFileSync(both, 'text')
  readOperatorFile(fifo, mebibyte)
  await readOperatorFileLater(fifo, mebibyte)
  const found = Buffer.alloc(10)
  t.equal(found.toString('utf8', 0, readSync(both, found)), 'text')
  closeSync(both)
})

t.test('a file that grows while it is read is bounded as well', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file')
  writeFileSync(file, Buffer.alloc(mebibyte / 2))
  let isRead = false
  const reading = readOperatorFileLater(file, mebibyte).finally(() => {
    isRead = true
  })
  for (let turn = 0; !isRead && turn < 200; turn += 1) {
    appendFileSync(file, Buffer.alloc(mebibyte / 4))
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.same(await reading, { ok: false, why: 'is larger than 1 MiB' })
})

t.test('a file of /proc, whose size is called 0, is read or refused by what is in it', async (t) => {
  t.match(readOperatorFile('/proc/self/status', mebibyte), { ok: true })
  for (const read of [
    readOperatorFile('/proc/self/maps', 1024),
    await readOperatorFileLater('/proc/self/maps', 1024),
  ]) {
    t.same(read, { ok: false, why: 'is larger than 1 KiB' })
  }
})
