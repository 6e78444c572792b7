import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import { laptop, simulatedService } from '../app/simulated-service.ts'

t.setTimeout(120_000)

const root = join(import.meta.dirname, '../..')

/** The block of docs/ise.md, with what it asks to be edited. */
function blockWith(edits: Readonly<Record<string, string>>): string {
  const page = readFileSync(join(root, 'docs/ise.md'), 'utf8')
  const [, block = ''] = /## From nothing[\s\S]*?```sh\n([\s\S]*?)```/.exec(page) ?? []
  return block.replace(/^((?:export )?(\w+))=\S+(\s+# edit this.*)$/gm, (_line, left, name) => {
    const value = edits[name]
    if (value === undefined) throw new Error(`the page asks to edit ${name}`)
    return `${left}=${value}`
  })
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return String(typeof address === 'object' ? address?.port : '')
}

t.test('the block of docs/ise.md leads from nothing to a green Test Connection', async (t) => {
  const { simulator, environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const [port, managementPort] = [await freePort(), await freePort()]
  const block = blockWith({
    name: 'localhost',
    port,
    INTUNE_TENANT_ID: simulator.tenantId,
    INTUNE_CLIENT_ID: environment.INTUNE_CLIENT_ID,
  })
  // The commands as a checkout has them, and an end: whoever follows the page leaves the service running.
  const script = `
    set -eu
    npx() { shift; "$NODE" "$MAIN" "$@"; }
    npm() { exec "$NODE" "$MAIN" serve; }
    trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
    ${block}
  `
  const child = spawn('bash', ['-c', script], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      ...environment,
      MANAGEMENT_PORT: managementPort,
      SHUTDOWN_GRACE_SECONDS: '0',
      NODE: process.execPath,
      MAIN: join(root, 'src/main.ts'),
    },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve))
  t.equal(exitCode, 0, output)
  t.match(output, /^ready$/m)
  t.equal(output.match(/Connection to server is successful with current settings\./g)?.length, 2)
  t.match(output, /DeviceCompliantStatus +Compliant/)
  t.match(block, new RegExp(laptop.mac.match(/../g)?.join(':') ?? laptop.mac, 'i'))
})
