import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../../src')

/** Time, the trace of a caller, and the one place for work that nobody waits for. */
const everywhere: readonly string[] = ['background.ts', 'clock.ts', 'trace-context.ts']

/** Which folders a folder of src may import from besides. Files directly in src stand for themselves. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'background.ts': [],
  'clock.ts': [],
  'nearest-name.ts': [],
  'product-version.ts': [],
  'trace-context.ts': [],
  errors: [],
  turns: [],
  xml: [],
  yaml: ['text', 'nearest-name.ts'],
  text: [],
  pem: ['files', 'text'],
  tls: [],
  files: ['text', 'clock.ts'],
  networks: [],
  certificates: [],
  identity: ['errors', 'nearest-name.ts'],
  config: ['errors', 'nearest-name.ts', 'networks', 'text'],
  compliance: ['identity', 'errors', 'config', 'turns', 'clock.ts', 'trace-context.ts'],
  intune: [
    'compliance',
    'identity',
    'errors',
    'config',
    'pem',
    'text',
    'tls',
    'turns',
    'xml',
    'clock.ts',
    'trace-context.ts',
  ],
  connection: ['intune', 'compliance', 'identity', 'errors', 'config', 'clock.ts'],
  onboarding: ['config', 'errors', 'pem'],
  state: ['compliance', 'files', 'clock.ts'],
  decision: ['compliance', 'identity', 'errors', 'networks', 'clock.ts', 'trace-context.ts'],
  policy: [
    'decision',
    'errors',
    'files',
    'identity',
    'nearest-name.ts',
    'networks',
    'text',
    'turns',
    'yaml',
    'clock.ts',
  ],
  telemetry: [
    'compliance',
    'decision',
    'files',
    'identity',
    'state',
    'config',
    'clock.ts',
    'trace-context.ts',
  ],
  lifecycle: ['config', 'files', 'clock.ts'],
  health: ['errors', 'clock.ts'],
  trace: ['decision', 'identity', 'errors', 'turns', 'clock.ts'],
  server: [
    'nearest-name.ts',
    'decision',
    'trace',
    'errors',
    'files',
    'networks',
    'turns',
    'pem',
    'text',
    'tls',
    'yaml',
    'clock.ts',
    'trace-context.ts',
  ],
  frontends: ['decision', 'identity', 'errors', 'networks', 'server', 'turns', 'xml'],
  'ise-client': ['errors', 'tls', 'xml'],
  simulator: ['certificates', 'clock.ts'],
  'app-log.ts': ['errors', 'health', 'lifecycle', 'policy', 'server', 'telemetry'],
  'app-files.ts': [
    'app-log.ts',
    'clock.ts',
    'config',
    'errors',
    'files',
    'intune',
    'policy',
    'server',
    'text',
  ],
  'app-reloads.ts': ['decision', 'errors', 'intune'],
  'app-state.ts': ['clock.ts', 'compliance', 'config', 'identity', 'intune', 'state', 'telemetry', 'trace'],
  'app.ts': [
    'app-files.ts',
    'app-log.ts',
    'app-reloads.ts',
    'app-state.ts',
    'clock.ts',
    'errors',
    'identity',
    'config',
    'compliance',
    'intune',
    'decision',
    'health',
    'lifecycle',
    'networks',
    'policy',
    'product-version.ts',
    'state',
    'telemetry',
    'trace',
    'server',
    'frontends',
  ],
  cli: [
    'app.ts',
    'app-files.ts',
    'certificates',
    'config',
    'connection',
    'decision',
    'errors',
    'files',
    'frontends',
    'identity',
    'ise-client',
    'lifecycle',
    'nearest-name.ts',
    'networks',
    'onboarding',
    'pem',
    'policy',
    'product-version.ts',
    'server',
    'simulator',
    'telemetry',
    'text',
    'tls',
    'trace',
  ],
  'main.ts': ['cli'],
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

const imports = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '')
  return specifiers.map((specifier) => ({ file, target: normalize(join(dirname(file), specifier)) }))
})

const roomOf = (file: string) => file.split(sep)[0] ?? file

t.test('imports between folders follow the flow and nothing else', async (t) => {
  t.ok(imports.length > 100, 'the imports were found')
  const wrong = imports.filter(({ file, target }) => {
    const [from, to] = [roomOf(file), roomOf(target)]
    return from !== to && !everywhere.includes(to) && !allowed[from]?.includes(to)
  })
  t.same(
    wrong.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

t.test('every folder of src has its place in the flow', async (t) => {
  t.same([...new Set(files.map(roomOf))].sort(), Object.keys(allowed).sort())
})

t.test('of the command line, only the simulator, the demo and the lab know the simulator', async (t) => {
  const knowing = imports.filter(
    ({ file, target }) => roomOf(file) === 'cli' && roomOf(target) === 'simulator',
  )
  t.same([...new Set(knowing.map(({ file }) => file))].sort(), [
    'cli/demo-story.ts',
    'cli/demo.ts',
    'cli/lab-stage.ts',
    'cli/sample-devices.ts',
    'cli/simulator-files.ts',
    'cli/simulator.ts',
  ])
})

/** What is part of the product or was written by it: the decision log is larger than any bound. */
const readersOfTheirOwn: readonly string[] = [
  'cli/lab-freeradius.ts',
  'cli/lab-stage.ts',
  'cli/log-show.ts',
  'product-version.ts',
  'telemetry/log-tail.ts',
  'telemetry/verify-decision-log.ts',
]

t.test('files of the operator are read in one way, which never waits and has a bound', async (t) => {
  const readers = files.filter((file) =>
    /\b(readFile|readFileSync|readSync|createReadStream|openAsBlob)\b/.test(
      readFileSync(join(root, file), 'utf8'),
    ),
  )
  const ours = ['files/read-once.ts', 'files/read-operator-file.ts']
  t.same(readers.sort(), [...ours, ...readersOfTheirOwn].sort())
})
