import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { takeFileLock } from '../../src/lifecycle/file-lock.ts'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { simulatedService } from '../app/simulated-service.ts'
import { type RunningCommand, runToEnd, startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

async function withFiles(t: Test) {
  const { environment } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const start = async (more: Record<string, string>) => {
    const command = startCommand(['serve'], { ...environment, ...more })
    t.teardown(() => command.child.kill('SIGKILL'))
    const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
    return { command, url }
  }
  return { environment, directory, start }
}

async function stop({ child, exited }: RunningCommand, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  child.kill(signal)
  await exited
}

t.test('a second service on one DECISION_LOG_FILE is refused, until the first is gone', async (t) => {
  const { environment, directory, start } = await withFiles(t)
  const log = join(directory, 'decisions.log')
  const first = await start({ DECISION_LOG_FILE: log })
  await first.command.waitFor(/"event":"log_started"/)
  symlinkSync(log, join(directory, 'other-name.log'))
  for (const name of ['decisions.log', 'other-name.log']) {
    const second = await runToEnd(['serve'], { ...environment, DECISION_LOG_FILE: join(directory, name) })
    t.equal(second.exitCode, 1, second.output)
    t.match(second.output, `is being written by another service (pid ${first.command.child.pid} on `)
    t.notMatch(second.output, /"event":"listening"/)
  }
  await stop(first.command, 'SIGKILL')
  const third = await start({ DECISION_LOG_FILE: log })
  await stop(third.command)
  const { finding, segments } = await verifyDecisionLog([log], { partial: false })
  t.equal(finding, undefined, 'the chain is whole: those that were refused wrote nothing')
  t.equal(segments, 2, 'and one that was killed leaves no lock behind')
})

t.test('a second start of the same service is told from a replica', async (t) => {
  const { environment, directory, start } = await withFiles(t)
  const files = { STATE_DIR: join(directory, 'state') }
  const first = await start(files)
  const { port } = new URL(first.url)
  t.notMatch(first.command.output(), /state_shared/, 'alone')
  await stop(first.command)

  const again = await start({ ...files, SERVICE_PORT: port })
  t.notMatch(again.command.output(), /state_shared/, 'one that stopped is not seen')
  const twice = await runToEnd(['serve'], { ...environment, ...files, SERVICE_PORT: port })
  t.equal(twice.exitCode, 1)
  t.match(
    twice.output,
    `The service is running already: port ${port} and STATE_DIR are in use by another service (pid ${again.command.child.pid} on `,
  )
  const replica = await start(files)
  t.match(
    replica.command.output(),
    `"others":[{"pid":${again.command.child.pid},`,
    'a replica runs, and says so',
  )
  await stop(again.command, 'SIGKILL')
  await stop(replica.command, 'SIGKILL')
  const last = await start(files)
  t.notMatch(last.command.output(), /state_shared/, 'those that were killed are not seen either')
  await stop(last.command)
})

t.test('what is started is stopped again where the next part cannot be', async (t) => {
  const { environment, directory } = await withFiles(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const log = join(directory, 'decisions.log')
  const variables = { ...environment, DECISION_LOG_FILE: log, STATE_DIR: join(directory, 'state') }
  for (const name of ['SERVICE_PORT', 'MANAGEMENT_PORT']) {
    const refused = await runToEnd(['serve'], { ...variables, [name]: String(port) })
    t.match(
      refused,
      { exitCode: 1, output: `127.0.0.1:${port}: another program uses this port (EADDRINUSE)` },
      name,
    )
  }
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  t.same(
    lines.map((line) => (JSON.parse(line) as { event: string }).event),
    ['log_started', 'log_stopped', 'log_started', 'log_stopped'],
    'the log was begun before the listeners and ended after them',
  )
})

t.test('a lock that the file system does not give is no reason not to start', async (t) => {
  const { directory, start } = await withFiles(t)
  const log = join(directory, 'decisions.log')
  writeFileSync(`${log}.lock`, 'not a database'.repeat(100))
  const { command } = await start({ DECISION_LOG_FILE: log })
  t.match(command.output(), /"event":"decision_log_not_locked"/)
  await stop(command)
  const self = { pid: 1, host: 'here', since: '', listensOn: '' }
  t.same(takeFileLock(join(directory, 'no', 'such', 'folder'), self), { state: 'unusable' })
})
