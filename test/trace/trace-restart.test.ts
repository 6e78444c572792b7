import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { startCommand } from '../e2e/run-process.ts'

t.setTimeout(240_000)

async function why(managementUrl: string, ...args: string[]) {
  const lines: string[] = []
  const say = (text: string) => void lines.push(text)
  const context = { environment: {}, out: say, err: say }
  const code = await runCommand(['why', ...args, '--url', managementUrl], context)
  return { code, text: lines.join('\n') }
}

t.test('after kill -9 and a restart, why tells what was decided before', async (t) => {
  const stateDir = join(t.testdir({}), 'state')
  const { environment } = await simulatedService(t, {
    environment: { STATE_DIR: stateDir, TRACE_STORE: 'on', LOG_DEVICE_IDS: 'hash' },
  })
  const start = async () => {
    const command = startCommand(['serve'], environment)
    t.teardown(() => command.child.kill('SIGKILL'))
    const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
    const [, managementUrl = ''] = await command.waitFor(/"managementUrl":"([^"]+)"/)
    return { command, url, managementUrl }
  }
  const ask = async (url: string, query: string) =>
    (await (await fetch(`${url}/v1/decision?${query}`)).json()) as { decisionId: string }

  const first = await start()
  const { decisionId } = await ask(first.url, `mac=${laptop.mac}`)
  const { decisionId: later } = await ask(first.url, `deviceId=${laptop.deviceId}&mac=${laptop.mac}`)
  for (;;) {
    const status = await (await fetch(`${first.managementUrl}/status`)).json()
    if ((status as { traces: { written: number } }).traces.written === 2) break
  }
  first.command.child.kill('SIGKILL')
  await first.command.exited

  const second = await start()
  const told = await why(second.managementUrl, decisionId)
  t.match(told, { code: 0, text: /^allow: compliant/m })
  t.match(told.text, decisionId)
  const last = await why(second.managementUrl, '00:50:56:a4:89:5a')
  t.match(last, { code: 0, text: later })
  t.match(last.text, new RegExp(`Earlier decisions[^]*${decisionId}`))
  const own = await fetch(`${second.url}/v1/decisions/${decisionId}`)
  t.match(await own.json(), { decisionId, reason: 'compliant', request: { client: 'local' } })
  t.match(await why(second.managementUrl, '00:50:56:00:00:01'), { code: 1, text: /No decision is known/ })
  const { decisionId: newest } = await ask(second.url, `mac=${laptop.mac}`)
  t.match(await why(second.managementUrl, laptop.mac), { code: 0, text: newest })

  second.command.child.kill('SIGTERM')
  t.equal(await second.command.exited, 0)
  const files = readdirSync(stateDir).filter((name) => name.startsWith('traces-'))
  t.equal(files.length, 1, 'closed in order there is one file')
  for (const name of files) {
    const bytes = readFileSync(join(stateDir, name), 'latin1')
    t.notMatch(bytes, new RegExp(`${laptop.mac}|${laptop.deviceId}`, 'i'), 'identifiers are hashed in it')
    t.match(bytes, newest, 'what was decided last is in it')
  }
})
