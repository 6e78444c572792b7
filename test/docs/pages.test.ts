import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { putSampleDevices } from '../../src/cli/sample-devices.ts'
import { simulatedService } from '../app/simulated-service.ts'
import { firstMissing, readFiles, readShellBlocks, type ShellBlock } from './page-blocks.ts'

/** Runs what README and docs say, as they say it: each page in a folder of its own, beside a running service and simulator. */

t.setTimeout(120_000)

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** An app whose certificate the reader makes. */
const clientId = '0d1f6e1a-0b3c-4d5e-8f70-112233445566'
const page = (name: string) => readFileSync(join(root, name), 'utf8')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** What the page calls by the usual names and ports, as it is here. */
interface Surroundings {
  readonly directory: string
  readonly environment: Record<string, string>
  readonly addresses: readonly (readonly [RegExp, string])[]
}

async function surroundings(t: Test): Promise<Surroundings> {
  const directory = mkdtempSync(join(tmpdir(), 'pages-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const { app, simulator } = await simulatedService(t, {
    environment: { DECISION_LOG_FILE: join(directory, 'decisions.log'), INTUNE_GRAPH_DETAILS: 'on' },
  })
  if (!app) throw new Error('the service was not built')
  putSampleDevices(simulator)
  const { serviceUrl, managementUrl } = await app.listen()
  const bin = mkdtempSync(join(tmpdir(), 'programs-'))
  t.teardown(() => rmSync(bin, { recursive: true }))
  for (const [name, script] of Object.entries(programs(simulator.origin))) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  writeFileSync(join(directory, 'simulator-ca.pem'), simulator.caCertificatePem)
  const { HOME = '', NODE_OPTIONS } = process.env
  return {
    directory,
    environment: {
      HOME,
      ...(NODE_OPTIONS !== undefined && { NODE_OPTIONS }),
      PATH: `${bin}:${process.env.PATH}`,
      MANAGEMENT_PORT: new URL(managementUrl).port,
      INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
      INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
      INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
      INTUNE_ALLOWED_HOSTS: '127.0.0.1',
      INTUNE_CA_FILE: 'simulator-ca.pem',
    },
    addresses: [
      [/(127\.0\.0\.1|localhost):8080/g, new URL(serviceUrl).host],
      [/(127\.0\.0\.1|localhost):8443/g, new URL(simulator.origin).host],
      [/(127\.0\.0\.1|localhost):9090/g, new URL(managementUrl).host],
      [/INTUNE_TENANT_ID=\.\.\./g, `INTUNE_TENANT_ID=${simulator.tenantId}`],
      [/INTUNE_CLIENT_ID=\.\.\./g, `INTUNE_CLIENT_ID=${clientId}`],
    ],
  }
}

/** The program of this checkout; a certificate that it makes is registered, as an administrator of Entra ID does it. */
function programs(origin: string): Record<string, string> {
  const main = `'${process.execPath}' '${join(root, 'src/main.ts')}'`
  const register = `jq -n --rawfile pem app.pem '{certificatesPem: [$pem]}' |
    curl -sfo /dev/null --cacert simulator-ca.pem -X PUT -H content-type:application/json -d @- ${origin}/control/apps/${clientId}`
  return {
    'intune-nac': `${main} "$@" || exit $?\n[ "$1 $2" != "onboard --new" ] || ${register}`,
    npx: '[ "$1" = intune-nac ] || exit 127\nexec "$@"',
  }
}

for (const name of pages) {
  const blocks = readShellBlocks(page(name))
  if (blocks.length === 0) continue
  t.test(`${name} says of each shell block whether it is run, or why not`, async (t) => {
    for (const block of blocks) t.ok('commands' in block, `${name}:${block.line} has a mark`)
  })
  const toRun = blocks.filter((block): block is ShellBlock => 'prints' in block && block.notRun === undefined)
  if (toRun.length === 0) continue
  t.test(`what ${name} says to type gives what it says`, async (t) => {
    const { directory, environment, addresses } = await surroundings(t)
    for (const [file, content] of readFiles(page(name))) writeFileSync(join(directory, file), content)
    const mark = (index: number) => `==== block ${index} ====`
    const script = [
      ...toRun.flatMap(({ before, commands }, index) => [before, `echo '${mark(index)}'`, commands]),
      `echo '${mark(toRun.length)}'`,
    ].join('\n')
    const adapted = addresses.reduce((text, [usual, here]) => text.replaceAll(usual, here), script)
    const { stdout, stderr, code } = await run('bash', ['-e', '-c', adapted], {
      cwd: directory,
      env: environment,
      maxBuffer: 1 << 26,
    }).then(
      (ended) => ({ ...ended, code: 0 }),
      (error: { stdout: string; stderr: string; code: number }) => error,
    )
    for (const [index, { line, prints }] of toRun.entries()) {
      const from = stdout.indexOf(mark(index))
      const to = stdout.indexOf(mark(index + 1))
      if (to === -1) {
        t.fail(`${name}:${line} ends with ${code}`, { output: stdout.slice(Math.max(from, 0)), stderr })
        return
      }
      const output = stdout.slice(from, to)
      t.notMatch(output, /"error":"/, `${name}:${line} is refused nothing`)
      t.equal(firstMissing(output, prints), undefined, `${name}:${line} prints what it says: ${output}`)
    }
    t.equal(code, 0, stderr)
  })
}
