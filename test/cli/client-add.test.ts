import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { parseSecretHash, verifySecret } from '../../src/server/secret-hash.ts'

async function add(...args: string[]) {
  const printed: string[] = []
  const print = (text: string) => void printed.push(text)
  const exitCode = await runCommand(['client', 'add', ...args], { environment: {}, out: print, err: print })
  return { exitCode, text: printed.join('\n') }
}

const modeOf = (file: string) => statSync(file).mode & 0o777
const asRoot = process.getuid?.() === 0

async function isSecretOf(clientsFile: string, secret: string): Promise<boolean> {
  const found = [...readFileSync(clientsFile, 'utf8').matchAll(/tokenHash: "?(scrypt:[^"\s]+)/g)].at(-1)?.[1]
  const hash = parseSecretHash(found ?? '')
  return hash !== undefined && (await verifySecret(secret, hash))
}

t.test("a secret file that anybody may read is the owner's alone afterwards", async (t) => {
  const directory = t.testdir({
    'clients.yaml': 'clients: []\n',
    secret: 'old and longer than any secret of ours is: '.repeat(9),
  })
  const [file, secretFile] = [join(directory, 'clients.yaml'), join(directory, 'secret')]
  for (const mode of [0o666, 0o644, 0o640, 0o400, 0o000]) {
    chmodSync(secretFile, mode)
    const { exitCode, text } = await add(`c${mode}`, '--bearer', '--file', file, '--secret-file', secretFile)
    t.equal(exitCode, 0, text)
    t.equal(modeOf(secretFile), 0o600, mode.toString(8))
    t.ok(await isSecretOf(file, readFileSync(secretFile, 'utf8')), 'and it holds the secret, nothing else')
  }
  t.same(readdirSync(directory).sort(), ['clients.yaml', 'secret'], 'nothing is left beside it')
})

t.test("the umask makes no difference, and a new file is the owner's alone too", async (t) => {
  const directory = t.testdir({ 'clients.yaml': 'clients: []\n' })
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  const secretFile = join(directory, 'secret')
  await add('x', '--file', join(directory, 'new.yaml'), '--secret-file', secretFile)
  t.equal(modeOf(secretFile), 0o600)
  t.equal(modeOf(join(directory, 'new.yaml')), 0o600)
})

t.test(
  'the owner stays, and the group that the service reads the clients file by',
  { skip: asRoot ? false : 'root only' },
  async (t) => {
    const directory = t.testdir({ 'clients.yaml': 'clients: []\n', secret: 'x' })
    const [file, secretFile] = [join(directory, 'clients.yaml'), join(directory, 'secret')]
    chownSync(file, 0, 1234)
    chmodSync(file, 0o644)
    chownSync(secretFile, 4321, 1234)
    await add('x', '--file', file, '--secret-file', secretFile)
    t.match(statSync(file), { uid: 0, gid: 1234 })
    t.equal(modeOf(file), 0o640, 'others lose what they could read')
    t.match(statSync(secretFile), { uid: 4321, gid: 1234 })
    t.equal(modeOf(secretFile), 0o600)
  },
)

t.test('a symbolic link stays one', async (t) => {
  const directory = t.testdir({ 'clients.yaml': 'clients: []\n', real: 'x' })
  const link = join(directory, 'link')
  symlinkSync('real', link)
  chmodSync(join(directory, 'real'), 0o644)
  await add('x', '--file', join(directory, 'clients.yaml'), '--secret-file', link)
  t.ok(lstatSync(link).isSymbolicLink())
  t.equal(modeOf(join(directory, 'real')), 0o600)
  t.ok(await isSecretOf(join(directory, 'clients.yaml'), readFileSync(link, 'utf8')))
})

t.test('where the secret cannot be written, there is no client without one', async (t) => {
  const directory = t.testdir({ 'clients.yaml': 'clients: []\n' })
  const file = join(directory, 'clients.yaml')
  const { exitCode, text } = await add(
    'x',
    '--file',
    file,
    '--secret-file',
    join(directory, 'gone', 'secret'),
  )
  t.equal(exitCode, 2)
  t.match(text, /secret cannot be written \(ENOENT\)/)
  t.equal(readFileSync(file, 'utf8'), 'clients: []\n')
  const twice = await add('x', '--file', file)
  t.equal(twice.exitCode, 0)
  const secretFile = join(directory, 'secret')
  const refused = await add('x', '--file', file, '--secret-file', secretFile)
  t.match(refused, { exitCode: 2, text: /nothing was written/ })
  t.throws(() => statSync(secretFile), { code: 'ENOENT' }, 'nor a secret without a client')
})

t.test('a directory in which anybody may replace the file is warned about', async (t) => {
  const directory = t.testdir({ 'clients.yaml': 'clients: []\n' })
  mkdirSync(join(directory, 'open'))
  writeFileSync(join(directory, 'open', 'x'), '')
  const secretFile = join(directory, 'open', 'secret')
  chmodSync(join(directory, 'open'), 0o777)
  t.match(
    (await add('x', '--file', join(directory, 'clients.yaml'), '--secret-file', secretFile)).text,
    /warning: anybody/,
  )
  chmodSync(join(directory, 'open'), 0o1777)
  t.notMatch(
    (await add('y', '--file', join(directory, 'clients.yaml'), '--secret-file', secretFile)).text,
    /warning/,
  )
  t.equal(modeOf(join(directory, 'open')), 0o777, 'it is not ours to change')
})
