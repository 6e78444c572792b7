import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readOnce } from '../../src/files/read-once.ts'
import { readOperatorFile, readOperatorFileLater } from '../../src/files/read-operator-file.ts'
import { makeUnusual, unusualKinds } from '../fakes/unusual-file.ts'

/** A FIFO that a process of its own waits to write to: it sleeps in `open` until there is a reader. */
async function written(t: Test, script: string): Promise<string> {
  const fifo = await makeUnusual(t, join(t.testdir(), 'file'), 'fifo')
  const writer = spawn('sh', ['-c', `echo begun; exec >"$1"; ${script}`, 'sh', fifo], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.teardown(() => writer.kill('SIGKILL'))
  await new Promise((resolve) => writer.stdout.once('data', resolve))
  const isAsleep = () => / S /.test(readFileSync(`/proc/${writer.pid}/stat`, 'utf8'))
  while (!isAsleep()) await new Promise((resolve) => setTimeout(resolve, 1))
  return fifo
}

t.test('a regular file is read, and more than the bound is refused', async (t) => {
  const file = join(t.testdir({ file: 'text' }), 'file')
  t.match(readOnce(file, 1024), { ok: true, value: Buffer.from('text') })
  writeFileSync(file, 'x'.repeat(1025))
  t.same(readOnce(file, 1024), { ok: false, why: 'is larger than 1 KiB' })
})

t.test('a pipe is read to its end where it has a writer', async (t) => {
  const read = readOnce(await written(t, 'printf one; sleep 0.3; printf two'), 1024)
  t.equal(read.ok && read.value.toString(), 'onetwo')
})

t.test('a refusal leaves a writer that waits for its reader alone', async (t) => {
  const fifo = await written(t, 'printf text')
  t.match(readOperatorFile(fifo, 1024), { ok: false, why: unusualKinds.fifo })
  t.match(await readOperatorFileLater(fifo, 1024), { ok: false, why: unusualKinds.fifo })
  const read = readOnce(fifo, 1024)
  t.equal(read.ok && read.value.toString(), 'text')
})

t.test('a pipe without a writer, without an end or with too much is refused', async (t) => {
  const fifo = await makeUnusual(t, join(t.testdir(), 'file'), 'fifo')
  t.same(readOnce(fifo, 1024), { ok: false, why: 'is a pipe that nobody writes to' })
  const silent = await written(t, 'printf one; exec sleep 30')
  t.same(readOnce(silent, 1024, 100), { ok: false, why: 'is a pipe that did not end within 0.1 s' })
  t.same(readOnce(await written(t, 'exec cat /dev/zero'), 1024 * 1024), {
    ok: false,
    why: 'is larger than 1 MiB',
  })
})

t.test('what else is no file is refused', async (t) => {
  const path = join(t.testdir(), 'file')
  for (const kind of ['directory', 'device', 'socket', 'larger'] as const) {
    t.match(readOnce(await makeUnusual(t, path, kind), 1024), { ok: false, why: unusualKinds[kind] }, kind)
  }
})

t.test(
  'commands take /dev/stdin and <(...) for options and for NAME_FILE, never for what is followed',
  async (t) => {
    const directory = t.testdir({ 'policy.yaml': 'rules: []\n' })
    const main = join(import.meta.dirname, '../../src/main.ts')
    const run = (script: string) => {
      const ended = spawnSync('bash', ['-c', script, 'bash', process.execPath, main], {
        cwd: directory,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1' },
        timeout: 30_000,
      })
      return `${ended.stdout}${ended.stderr}`
    }
    t.match(run('"$1" "$2" config --policy <(cat policy.yaml)'), /\/dev\/fd\/\d+ is fine: 0 rules/)
    t.match(run('cat policy.yaml | "$1" "$2" config --policy /dev/stdin'), '/dev/stdin is fine: 0 rules')
    t.match(run('"$1" "$2" config --policy /dev/stdin < policy.yaml'), '/dev/stdin is fine: 0 rules')
    t.match(run('LOG_LEVEL_FILE=<(echo loud) "$1" "$2" config'), /LOG_LEVEL must be one of/)
    t.match(
      run('"$1" "$2" client list --file <(echo "clients: []")'),
      /cannot read the clients file \/dev\/fd\/\d+, which is a FIFO \(named pipe\), not a file/,
    )
  },
)
