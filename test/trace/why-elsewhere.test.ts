import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname
const broken = '005056000001'

async function runningService(t: Test, environment: Record<string, string> = {}) {
  const service = await simulatedService(t, { environment })
  const { app, simulator } = service
  if (!app) throw new Error(JSON.stringify(service.built))
  const deviceId = '0b000000-0000-4000-8000-000000000001'
  simulator.tenant.putDevice({ deviceId, macs: [broken], complianceState: 'noncompliant' })
  const { managementUrl } = await app.listen()
  const why = async (args: readonly string[], variables: Record<string, string>) => {
    const out: string[] = []
    const err: string[] = []
    const print = { out: (s: string) => void out.push(s), err: (s: string) => void err.push(s) }
    const code = await runCommand(['why', ...args], { environment: variables, ...print })
    return { code, out: out.join('\n'), err: err.join('\n') }
  }
  return { ...service, app, why, port: new URL(managementUrl).port }
}

t.test('why asks where MANAGEMENT_HOST and MANAGEMENT_PORT say, and --url before that', async (t) => {
  const { ask, why, port } = await runningService(t)
  await ask({ mac: laptop.mac })
  t.match(await why([laptop.mac], { MANAGEMENT_PORT: port }), { code: 0, out: /accept: let in/ })
  for (const host of ['127.0.0.1', '0.0.0.0', 'localhost']) {
    t.match(await why([laptop.mac], { MANAGEMENT_PORT: port, MANAGEMENT_HOST: host }), { code: 0 }, host)
  }
  t.match(await why([laptop.mac, '--url', `http://127.0.0.1:${port}`], { MANAGEMENT_PORT: '1' }), { code: 0 })
  t.match(await why([laptop.mac], { MANAGEMENT_PORT: '1' }), {
    code: 1,
    err: 'http://127.0.0.1:1 gave no answer',
  })
  t.match(await why([laptop.mac], { MANAGEMENT_PORT: '1', MANAGEMENT_HOST: '::' }), {
    code: 1,
    err: '[::1]:1',
  })
  t.match(await why([laptop.mac], { MANAGEMENT_PORT: '0' }), { code: 2, err: 'give --url' })
  t.match(await why([laptop.mac], { MANAGEMENT_PORT: '99999' }), { code: 78, err: /MANAGEMENT_PORT must be/ })
  t.match(await why([laptop.mac], { MANAGEMENT_PROT: '9191' }), {
    code: 78,
    err: /did you mean MANAGEMENT_PORT/,
  })
  t.match(
    await why([laptop.mac], { MANAGEMENT_PORT: port, INTUNE_CLIENT_ID: 'x' }),
    { code: 0 },
    'what is wrong elsewhere is the affair of the service',
  )
})

t.test('the story of a remediation without a profile says that it was refused, and why', async (t) => {
  const { app, why, port } = await runningService(t)
  const payload = { 'User-Name': broken, 'Calling-Station-Id': broken, 'Service-Type': 'Call-Check' }
  const reply = await app.server.inject({ method: 'POST', url: '/v1/radius/authorize', payload })
  t.equal(reply.statusCode, 401)
  const story = await why([broken], { MANAGEMENT_PORT: port })
  t.match(story.out, /^remediate: noncompliant/m)
  t.match(story.out, /^Sent: +reject: refused\n +because the policy names no profile/m)
  const { out } = await why([broken, '--json'], { MANAGEMENT_PORT: port })
  t.match(JSON.parse(out), { decision: 'remediate', sent: 'reject' })
})

t.test('what why does not know, the command that it prints finds', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "it's a log "))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'decisions.log')
  const first = await runningService(t, { DECISION_LOG_FILE: file })
  const { decisionId } = await first.ask({ mac: laptop.mac })
  await first.app.close()

  const { why, port } = await runningService(t)
  const environment = { MANAGEMENT_PORT: port, DECISION_LOG_FILE: file }
  const shell = (command: string) =>
    execFileSync('bash', ['-c', command.replace('intune-nac', `"${process.execPath}" "${main}"`)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  for (const asked of ['00:50:56:A4:89:5A', String(decisionId)]) {
    const { code, err } = await why([asked], environment)
    t.equal(code, 1)
    t.match(err, 'No decision is known for')
    const [command = ''] = err
      .split('\n')
      .flatMap((line) => /^ {2}(intune-nac log show .*)$/.exec(line)?.[1] ?? [])
    t.match(shell(command), String(decisionId), command)
  }
  const { err } = await why(['00:50:56:A4:89:5A'], { MANAGEMENT_PORT: port })
  t.match(err, '  intune-nac log show FILE --device=00:50:56:A4:89:5A\n  (FILE is DECISION_LOG_FILE')
})
