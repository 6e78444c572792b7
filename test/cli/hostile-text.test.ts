import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { startCommand } from '../e2e/run-process.ts'

/** Erases the line, goes up and home, writes over it, links elsewhere, turns the text around, hides, ends the line. */
const hostile =
  'x\u001b[2K\u001b[1A\u009b1G\r\u001b]8;;http://evil.example\u0007\u202e\u2066\u200b\u061c\u0085\u2028\u{e0041}\b\u007f\nintact: 5 line(s) in 1 segment(s)\ny'

const forbidden = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const printed: string[] = []
  const print = (text: string) => void printed.push(text)
  const exitCode = await runCommand(args, { environment, out: print, err: print })
  return { exitCode, text: printed.join('\n') }
}

/** Nothing that a terminal acts on, and no line that the outside wrote. */
function expectHarmless(t: Test, text: string, name: string): void {
  t.notMatch(text, forbidden, `${name}: nothing that a terminal acts on`)
  t.notMatch(text, /^(intact: 5|y\b)/m, `${name}: no line of its own`)
  t.match(text, /x\\u001b\[2K/, `${name}: what it was is shown`)
}

async function serveHttp(t: Test, answer: (path: string) => string): Promise<string> {
  const server = createServer((request, reply) => {
    reply.setHeader('content-type', 'application/json')
    reply.end(answer(request.url ?? ''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('why shows what a service says without doing it', async (t) => {
  const trace = {
    decisionId: hostile,
    decidedAt: hostile,
    totalMs: 1,
    traceId: hostile,
    decision: 'allow',
    reason: hostile,
    reasonText: hostile,
    request: {
      frontend: 'json',
      client: hostile,
      refresh: false,
      nasIpAddress: hostile,
      nasIdentifier: hostile,
      ssid: hostile,
      certificateExpiresAt: hostile,
    },
    identifiers: [{ kind: hostile, origin: 'x', rank: 1, value: hostile, result: 'decided' }],
    rankConflict: false,
    fact: {
      source: 'intune',
      cache: hostile,
      enrolled: true,
      complianceState: 'compliant',
      deviceId: hostile,
      observedAt: hostile,
      ageSeconds: 1,
      stale: false,
      held: null,
      gracePeriodEndsAt: hostile,
    },
    upstream: { api: hostile, status: 200, requestId: hostile, durationMs: 1 },
    fault: {
      code: hostile,
      message: hostile,
      remedy: hostile,
      hop: hostile,
      host: hostile,
      status: 1,
      requestId: hostile,
    },
    rule: hostile,
    rules: [{ rule: hostile, result: 'passed_over', unmet: [hostile] }],
    profile: { name: hostile, attributes: [{ name: hostile, tag: null, values: [hostile] }] },
    remediation: { action: hostile, url: hostile, message: hostile },
  }
  const url = await serveHttp(t, () => JSON.stringify({ decisions: [trace, trace] }))
  const told = await run(['why', '00:50:56:A4:89:5A', '--url', url])
  t.equal(told.exitCode, 0, told.text)
  expectHarmless(t, told.text, 'why')
  const asJson = await run(['why', '00:50:56:A4:89:5A', '--url', url, '--json'])
  t.notMatch(asJson.text, forbidden, '--json as well')
  t.equal((JSON.parse(asJson.text) as typeof trace).reason, hostile, 'and it reads back as what it was')
  const asked = await run(['why', hostile, '--url', await serveHttp(t, () => '{"decisions":[]}')])
  expectHarmless(t, asked.text, 'what was typed')
})

t.test('an altered decision log cannot print that it is intact', async (t) => {
  const directory = t.testdir()
  const line = (fields: object) => {
    const content = JSON.stringify({ component: 'decision', ...fields }).slice(0, -1)
    return `${content},"chain":"${'0'.repeat(64)}"}\n`
  }
  const cases: Readonly<Record<string, string>> = {
    segment: line({ event: 'log_started', segment: hostile, seq: 0 }),
    'a previous segment': line({
      event: 'log_started',
      segment: 'a',
      seq: 0,
      previous: { segment: hostile, seq: 7, chain: hostile },
    }),
    'the id of a decision': line({ event: 'decision', segment: hostile, seq: 3, decisionId: hostile }),
    'no JSON': `${hostile.replaceAll('\n', '')}\n`,
  }
  for (const [name, text] of Object.entries(cases)) {
    const file = join(directory, 'decisions.log')
    writeFileSync(file, text)
    const { exitCode, text: said } = await run(['log', 'verify', file])
    t.equal(exitCode, 1, `${name}: ${said}`)
    t.notMatch(said, forbidden, name)
    t.notMatch(said, /^intact: 5/m, name)
  }
  const named = join(directory, hostile.replaceAll('/', '_'))
  writeFileSync(named, line({ event: 'decision', segment: 'a', seq: 3 }))
  expectHarmless(t, (await run(['log', 'verify', named])).text, 'the name of the file')
  expectHarmless(
    t,
    (await run(['log', 'verify', `${named}.gone`])).text,
    'the name of a file that is not there',
  )
  writeFileSync(named, '')
  expectHarmless(t, (await run(['log', 'verify', named])).text, 'the name of an empty file')
})

t.test('health shows what a service says without doing it', async (t) => {
  const check = { status: 'failing', since: hostile, what: hostile, remedy: hostile }
  const url = await serveHttp(t, () => JSON.stringify({ status: 'not_ready', checks: { [hostile]: check } }))
  expectHarmless(t, (await run(['health', '--url', url])).text, 'health')
  expectHarmless(t, (await run(['health', '--url', url, '--verbose'])).text, 'health --verbose')
})

t.test('check --as-ise shows what a server says without doing it', async (t) => {
  // Of these characters, those that XML 1.0 lets a document hold.
  const inXml = 'x&#x9b;2K\u202e\u2066\u200b&#x85;\u2028&#xd;&#xa;intact: 5 line(s)&#xa;y'
  const authority = await createCertificateAuthority({ commonName: 'root' })
  const pair = await issueServerCertificate(authority, { commonName: 'nac', ipAddresses: ['127.0.0.1'] })
  const server = createHttpsServer(
    { cert: pair.certificatePem, key: pair.privateKeyPem },
    (request, reply) => {
      reply.end(
        request.url?.includes('mdminfo')
          ? `<ise_api><name>mdminfo</name><api_version>3</api_version><api_path>/x</api_path><redirect_url>${inXml}</redirect_url><vendor>${inXml}</vendor></ise_api>`
          : `<ise_api><name>attributes</name><deviceList><device><macaddress>005056A4895A</macaddress><attributes><register_status>true</register_status><os>${inXml}</os><compliance><status>false</status><failure_reason>${inXml}</failure_reason><remediation>${inXml}</remediation></compliance></attributes></device></deviceList></ise_api>`,
      )
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const directory = t.testdir({ password: 'x', 'ca.pem': authority.certificatePem })
  const { text } = await run([
    'check',
    '--as-ise',
    `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    '--user',
    'x',
    '--password-file',
    join(directory, 'password'),
    '--ca-file',
    join(directory, 'ca.pem'),
    '00:50:56:A4:89:5A',
  ])
  t.match(text, /known device/)
  t.match(text, /x\\u009b2K\\u202e/)
  t.notMatch(text, forbidden)
  t.notMatch(text, /^(intact: 5|y\b)/m)
})

t.test('config and doctor show what the environment and the files hold without doing it', async (t) => {
  const pair = await createSelfSignedCertificate({ commonName: 'nac' })
  const directory = t.testdir({ 'app.pem': pair.certificatePem, 'app.key': pair.privateKeyPem })
  const right = {
    INTUNE_TENANT_ID: 'contoso.example',
    INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    INTUNE_TOKEN_ISSUING_URL: 'https://127.0.0.1:9/contoso.example',
    INTUNE_AUTO_DISCOVERY_URL: 'https://127.0.0.1:9',
  }
  for (const command of ['config', 'doctor', 'serve']) {
    expectHarmless(
      t,
      (await run([command], { ...right, INTUNE_CERTIFICATE_FILE: hostile.replaceAll('\n', '') })).text,
      `${command}, path`,
    )
    expectHarmless(
      t,
      (
        await run([command], {
          ...right,
          [`INTUNE_TENNANT_ID${hostile}`]: 'x',
          SERVICE_PROT: 'x',
          LOG_LEVEL_FILE: hostile,
        })
      ).text,
      `${command}, NAME_FILE`,
    )
  }
  for (const command of ['config', 'doctor']) {
    expectHarmless(t, (await run([command], { ...right, SSL_CERT_FILE: hostile })).text, `${command}, note`)
  }
  const policy = join(directory, 'policy.yaml')
  const rule = { name: 'x\u001b[2K\u202e', when: { client: 'x\u001b[2K\u2066' }, decision: 'deny' }
  writeFileSync(policy, JSON.stringify({ rules: [rule] }))
  t.notMatch((await run(['config', '--policy', policy])).text, forbidden, 'a policy')
})

t.test('client and onboard show what is in files and arguments without doing it', async (t) => {
  const directory = t.testdir({ 'clients.yaml': JSON.stringify({ clients: [{ [hostile]: 1 }] }) })
  const file = join(directory, 'clients.yaml')
  t.notMatch((await run(['client', 'list', '--file', file])).text, forbidden, 'client list')
  expectHarmless(t, (await run(['client', 'list', '--file', hostile])).text, 'the name of a file')
  expectHarmless(t, (await run(['client', 'list', `--${hostile}`])).text, 'an option')
  const { certificatePem } = await createSelfSignedCertificate({ commonName: 'x\u001b[2K\u202e' })
  mkdirSync(join(directory, 'in'))
  const pem = join(directory, 'in', 'x\u001b[2K\nintact')
  writeFileSync(pem, certificatePem)
  const onboarded = await run(['onboard', '--certificate', pem])
  t.equal(onboarded.exitCode, 0, onboarded.text)
  t.notMatch(onboarded.text, forbidden, 'onboard')
  t.notMatch(onboarded.text, /^intact/m)
  expectHarmless(t, (await run(['onboard', '--certificate', hostile])).text, 'onboard, no such file')
  expectHarmless(
    t,
    (await run(['onboard', '--certificate', pem, '--tenant', hostile, '--cloud', hostile])).text.concat(
      'x\\u001b[2K',
    ),
    'onboard, values',
  )
})

t.test('colours are our own alone', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'a\u001b[32mintact\u001b[39m.log')
  writeFileSync(file, '{"event":"decision"}\n')
  const verified = startCommand(['log', 'verify', file], { FORCE_COLOR: '1' })
  await verified.exited
  const output = verified.output()
  t.ok(output.startsWith('\u001b[31maltered\u001b[39m: '), 'the finding is red')
  t.match(output, /a\\u001b\[32mintact\\u001b\[39m\.log/, 'the name of the file has no colour')
})
