import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

async function startService(t: Test) {
  const { environment } = await simulatedService(t)
  const logFile = join(dirname(environment.INTUNE_CA_FILE), 'decisions.log')
  const planted = pathToFileURL(join(import.meta.dirname, 'planted-errors.ts'))
  const command = startCommand(['serve'], {
    ...environment,
    DECISION_LOG_FILE: logFile,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${planted}`,
  })
  t.teardown(() => command.child.kill('SIGKILL'))
  const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
  const [, managementUrl = ''] = await command.waitFor(/"managementUrl":"([^"]+)"/)
  const ask = async () =>
    (await fetch(`${url}/v1/decision?mac=${laptop.mac}`)).json() as Promise<{ decision: string }>
  return { command, managementUrl, logFile, ask }
}

/** Everything that the service wrote, each line an object. */
function linesOf(output: string): readonly { readonly event?: string; readonly level: string }[] {
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

t.test(
  'a promise that is rejected and that nobody looks at is logged and counted, and nobody waits',
  async (t) => {
    const { command, managementUrl, ask } = await startService(t)
    t.match(await ask(), { decision: 'allow' })
    command.child.kill('SIGWINCH')
    await command.waitFor(/"event":"background_failed"/)
    t.match(
      linesOf(command.output()).find(({ event }) => event === 'background_failed'),
      { level: 'error', task: 'unknown', err: { message: 'planted rejection', stack: /planted-errors/ } },
    )
    t.match(await ask(), { decision: 'allow' }, 'the service goes on')
    const metrics = await (await fetch(`${managementUrl}/metrics`)).text()
    t.match(metrics, 'nac_background_failures_total{task="unknown"} 1')
    command.child.kill('SIGINT')
    t.equal(await command.exited, 0)
  },
)

t.test('an exception that nobody catches stops the service in order, with exit code 1', async (t) => {
  const { command, logFile, ask } = await startService(t)
  t.match(await ask(), { decision: 'allow' })
  command.child.kill('SIGURG')
  t.equal(await command.exited, 1)
  const lines = linesOf(command.output())
  t.match(
    lines.find(({ event }) => event === 'unexpected_error'),
    { level: 'fatal', err: { message: 'planted exception' } },
  )
  t.ok(lines.some(({ event }) => event === 'stopped'))
  const { finding, notes } = await verifyDecisionLog([logFile])
  t.notOk(finding)
  t.same(notes, [], 'the decision log has its end')
})
