import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')

t.test('on an older Node the program says so in one sentence, before anything else is loaded', async (t) => {
  const older = `data:text/javascript,${encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
  )}`
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--import', older, join(root, 'src/main.ts'), 'serve'],
    { encoding: 'utf8' },
  )
  t.equal(status, 78)
  t.equal(stdout, '')
  t.match(stderr, /^intune-nac needs Node 24 or newer, this is 20\.20\.2 \(.*\n$/)
})

t.test('the Node that the program asks for is the one of package.json', async (t) => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    engines: { node: string }
  }
  t.match(readFileSync(join(root, 'src/main.ts'), 'utf8'), `const oldestNode = ${engines.node.slice(2)}\n`)
})
