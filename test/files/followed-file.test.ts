import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fileState, followFile } from '../../src/files/followed-file.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { replaceByUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'

/** A file that is followed, and what was passed on of it with the time. */
function follow(t: Test, text: string) {
  const file = join(t.testdir({ followed: text }), 'followed')
  const clock = new FakeClock()
  const passed: { readonly text: string | undefined; readonly why?: string; readonly atMs: number }[] = []
  const startedMs = clock.monotonicMs()
  const stop = followFile({
    file,
    state: fileState(file),
    clock,
    maxBytes: 1024,
    onChange: (read) =>
      passed.push({
        text: read.ok ? read.value.toString() : undefined,
        ...(!read.ok && { why: read.why }),
        atMs: clock.monotonicMs() - startedMs,
      }),
  })
  t.teardown(stop)
  /** So much time in steps of 100 ms, each begun by `act`; the file system has its say in between. */
  const during = async (ms: number, act = (_step: number) => {}) => {
    for (let step = 0; step < ms / 100; step += 1) {
      act(step)
      await clock.advance(100)
      for (let attempt = 0; attempt < 1000 && clock.pendingTimers === 0; attempt += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
  }
  return { file, clock, passed, during, texts: () => passed.map((one) => one.text) }
}

t.test('a change is passed on within two seconds, and once', async (t) => {
  const { file, texts, during } = follow(t, 'one')
  writeFileSync(file, 'two')
  await during(2000)
  t.same(texts(), ['two'])
  await during(5000)
  t.same(texts(), ['two'])
})

t.test('a file that is touched again and again is passed on all the same, and once', async (t) => {
  const { file, passed, texts, during } = follow(t, 'one')
  writeFileSync(file, 'two')
  await during(10_000, (step) => utimesSync(file, step, step))
  t.same(texts(), ['two'])
  t.ok((passed[0]?.atMs ?? Infinity) <= 2000, `after ${passed[0]?.atMs} ms`)
  await during(60_000, (step) => utimesSync(file, 1000 + step, step))
  t.same(texts(), ['two'], 'what it holds is the same')
  writeFileSync(file, 'three')
  await during(10_000, (step) => utimesSync(file, 2000 + step, step))
  t.same(texts(), ['two', 'three'])
})

t.test('a file that is written again and again is passed on within ten seconds', async (t) => {
  const { file, passed, during } = follow(t, '')
  await during(10_000, (step) => writeFileSync(file, `line ${step}\n`))
  t.ok(passed.length >= 1 && passed.length <= 2, `${passed.length} times`)
  t.ok((passed[0]?.atMs ?? Infinity) <= 10_000, `after ${passed[0]?.atMs} ms`)
  t.match(passed[0]?.text, /^line \d+\n$/, 'a whole text')
  await during(3000)
  t.equal(passed.at(-1)?.text, 'line 99\n', 'and the last one when it is quiet')
})

t.test('a file that is still being written is waited for', async (t) => {
  const { file, texts, during } = follow(t, '')
  await during(4000, (step) => step % 4 === 0 && appendFileSync(file, 'more '))
  t.same(texts(), [], 'not the half of it')
  await during(2000)
  t.same(texts(), ['more '.repeat(10)])
})

t.test('a file that is gone for a moment is not gone', async (t) => {
  const { file, texts, during } = follow(t, 'one')
  await during(5000, (step) => {
    if (step % 10 === 4) rmSync(file)
    if (step % 10 === 6) writeFileSync(file, 'one')
  })
  t.notOk(texts().includes(undefined))
  rmSync(file)
  await during(2000)
  t.equal(texts().at(-1), undefined)
  writeFileSync(file, 'one')
  await during(2000)
  t.equal(texts().at(-1), 'one', 'the same text counts when it comes back')
})

t.test('what is no file is passed on as that, once, and the file again when it is back', async (t) => {
  const { file, passed, texts, during } = follow(t, 'text 0')
  for (const [index, kind] of (Object.keys(unusualKinds) as UnusualKind[]).entries()) {
    await replaceByUnusual(t, file, kind)
    await during(2000)
    t.match(passed.at(-1), { text: undefined, why: unusualKinds[kind] }, kind)
    const { length } = passed
    await during(10_000)
    t.equal(passed.length, length, `${kind} is passed on once`)
    writeFileSync(`${file}.new`, `text ${index + 1}`)
    rmSync(file, { recursive: true })
    renameSync(`${file}.new`, file)
    await during(2000)
    t.equal(texts().at(-1), `text ${index + 1}`, `after ${kind}`)
  }
})

t.test('a file that grows without end is refused at its bound', async (t) => {
  const { file, passed, during } = follow(t, 'text')
  await during(12_000, () => appendFileSync(file, 'x'.repeat(500)))
  t.match(passed.at(-1), { why: 'is larger than 1 KiB' })
  writeFileSync(file, 'text again')
  await during(2000)
  t.match(passed.at(-1), { text: 'text again' })
})
