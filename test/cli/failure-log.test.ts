import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'

/** Runs serve as main.ts does, with streams that are terminals or not. */
async function serve(
  environment: Record<string, string>,
  isTerminal: { out: boolean; err: boolean } | undefined,
  ...args: string[]
) {
  const out: string[] = []
  const err: string[] = []
  const code = await runCommand(['serve', ...args], {
    environment,
    ...(isTerminal && { isTerminal }),
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const piped = { out: false, err: false }
const wrong = { INTUNE_CLIENT_ID: 'x\u202e', SERVICE_PORT: 'many', CLIENT_FILE: 'a' }
const missing = (t: { testdir(): string }) => {
  const directory = t.testdir()
  return {
    INTUNE_TENANT_ID: 'contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    POLICY_FILE: join(directory, 'policy.yaml'),
  }
}

t.test('where standard output is no terminal, why serve does not start is lines of its log', async (t) => {
  const settings = await serve(wrong, piped)
  t.equal(settings.code, 78)
  t.equal(settings.err, '', 'nothing but JSON')
  const lines = settings.out.split('\n').map((line) => JSON.parse(line))
  t.ok(lines.length >= 3, `${lines.length} problems`)
  for (const line of lines) {
    t.match(line, { level: 'fatal', service: 'intune-nac', event: 'start_refused', variable: /./, msg: /./ })
    t.equal(line.code, 'configuration_invalid')
  }
  t.match(lines.map(({ msg }) => msg).join('\n'), 'SERVICE_PORT must be a whole number')

  const files = await serve(missing(t), piped)
  t.equal(files.code, 78)
  const faults = files.out
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'start_refused')
  t.match(faults, [
    { code: 'certificate_unreadable', msg: /app\.pem, which does not exist/, remedy: /PEM/ },
    { code: 'configuration_invalid', variable: 'POLICY_FILE', msg: /policy\.yaml/ },
  ])

  const use = await serve({}, piped, '--port', '1')
  t.equal(use.code, 2)
  t.match(JSON.parse(use.out), { level: 'fatal', msg: /serve: has no option "--port".*serve --help/ })

  const weakened = await serve({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, piped)
  t.equal(weakened.code, 78)
  t.match(JSON.parse(weakened.out.split('\n')[0] ?? ''), { variable: 'NODE_TLS_REJECT_UNAUTHORIZED' })
})

t.test('a person at a terminal reads the text that was always there', async (t) => {
  const text = (await serve(wrong, undefined)).err
  t.match(text, /^The configuration has \d problems:\n {2}CLIENT_FILE is not/)
  t.same(await serve(wrong, { out: true, err: true }), { code: 78, out: '', err: text })
  t.same(await serve(wrong, { out: true, err: false }), { code: 78, out: '', err: text }, '2> file')
  const both = await serve(wrong, { out: false, err: true })
  t.equal(both.err, text, '> file: the text on the terminal')
  t.equal(JSON.parse(both.out.split('\n')[0] ?? '').event, 'start_refused', 'and the lines in the file')
})
