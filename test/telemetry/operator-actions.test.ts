import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { type OperatorAction, operatorActions } from '../../src/decision/operator-action.ts'
import { createDeviceMask } from '../../src/identity/mask-device.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { DecisionLogFile } from '../../src/telemetry/decision-log-file.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const purge: OperatorAction = {
  action: 'purge_device',
  client: 'operator',
  remoteAddress: '10.9.0.1',
  route: 'DELETE /devices/:kind/:value',
  device: { kind: 'mac', value: '00-50-56-a4-89-5a' },
  result: 'done',
  records: 1,
}
const refused: OperatorAction = {
  action: 'purge_all',
  remoteAddress: '192.0.2.7',
  route: 'DELETE /devices',
  result: 'refused',
  errorCode: 'unauthenticated',
}

function openLog(shown: 'full' | 'hash' | 'none' = 'full') {
  const written: string[] = []
  const clock = new FakeClock()
  const mask = createDeviceMask(shown, Buffer.from('key'))
  const log = new DecisionLog({
    hasRequestContext: true,
    mask,
    clock,
    out: (line) => written.push(line.toString()),
  })
  return { log, clock, lines: () => written.map((line) => JSON.parse(line)) }
}

t.test('an action of an operator is one line with exactly the documented keys', async (t) => {
  const { log, lines } = openLog()
  log.start()
  log.writeAction(purge)
  log.writeAction({ action: 'policy_reload', client: 'local', file: 'POLICY_FILE', result: 'done' })
  const [started, line, reload] = lines()
  t.strictSame(line, {
    level: 'info',
    time: '2026-11-23T08:00:00.000Z',
    service: 'intune-nac',
    component: 'decision',
    event: 'operator_action',
    v: 1,
    segment: started.segment,
    seq: 1,
    action: 'purge_device',
    result: 'done',
    client: 'operator',
    remoteAddress: '10.9.0.1',
    route: 'DELETE /devices/:kind/:value',
    file: null,
    matchedBy: 'mac',
    device: '005056A4895A',
    records: 1,
    decisionId: null,
    errorCode: null,
    msg: 'operator action done: purge_device',
    chain: line.chain,
  })
  t.match(reload, { client: 'local', remoteAddress: null, file: 'POLICY_FILE', device: null, seq: 2 })
  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  for (const key of Object.keys(line)) t.match(page, `\`${key}\``, `${key} is documented`)
})

t.test('the device of an action is shown as LOG_DEVICE_IDS says, in whatever spelling it came', async (t) => {
  const shownOf = (shown: 'hash' | 'none', value: string) => {
    const { log, lines } = openLog(shown)
    log.start()
    log.writeAction({ ...purge, device: { kind: 'mac', value } })
    return lines()[1].device
  }
  t.equal(shownOf('none', '00:50:56:A4:89:5A'), '')
  t.equal(shownOf('hash', '00:50:56:A4:89:5A'), createDeviceMask('hash', Buffer.from('key'))('005056A4895A'))
  t.equal(shownOf('hash', '00:50:56:A4:89:5A'), shownOf('hash', '005056a4895a'))
  t.equal(shownOf('none', 'hunter2'), null, 'what names no device is not repeated: it may be a secret')
  t.equal(shownOf('hash', 'hunter2'), null)
})

t.test('what happens before the log is started has its line in the file', async (t) => {
  const file = join(t.testdir(), 'decisions.log')
  const clock = new FakeClock()
  const log = new DecisionLog({ hasRequestContext: true, mask: (device) => device, clock })
  log.writeAction(purge)
  log.start(new DecisionLogFile({ file, maxBytes: 100_000, keepFiles: 2 }, { clock, onNotice: () => {} }))
  await log.close()
  const events = readFileSync(file, 'utf8').match(/"event":"\w+"/g)
  t.same(events, ['"event":"log_started"', '"event":"operator_action"', '"event":"log_stopped"'])
})

t.test('log verify finds an action that was altered or taken out', async (t) => {
  const file = join(t.testdir(), 'decisions.log')
  const clock = new FakeClock()
  const log = new DecisionLog({ hasRequestContext: true, mask: (device) => device, clock })
  log.start(new DecisionLogFile({ file, maxBytes: 100_000, keepFiles: 2 }, { clock, onNotice: () => {} }))
  log.writeAction(purge)
  log.writeAction(refused)
  await log.close()
  const text = readFileSync(file, 'utf8')
  const verify = async (altered: string) => {
    writeFileSync(file, altered)
    const out: string[] = []
    const print = (line: string) => void out.push(line)
    const code = await runCommand(['log', 'verify', file], { environment: {}, out: print, err: print })
    return `${code} ${out.join('\n')}`
  }
  t.match(await verify(text), /^0 /)
  t.match(await verify(text.replace('"client":"operator"', '"client":"somebody"')), /^1 [\s\S]*altered/)
  t.match(
    await verify(text.split('\n').toSpliced(1, 1).join('\n')),
    /^1 [\s\S]*(removed|missing)/,
    'a line that was taken out',
  )
})

t.test('refused attempts cannot push the log out of its files, and none is forgotten', async (t) => {
  const { log, clock, lines } = openLog()
  log.start()
  for (let attempt = 0; attempt < 1000; attempt += 1) log.writeAction(refused)
  log.writeAction({ ...refused, remoteAddress: '192.0.2.8' })
  log.writeAction(purge)
  t.equal(lines().filter(({ remoteAddress }) => remoteAddress === '192.0.2.7').length, 10)
  t.equal(lines().filter(({ remoteAddress }) => remoteAddress === '192.0.2.8').length, 1)
  t.match(lines().at(-1), { action: 'purge_device', result: 'done' })
  await clock.advance(60_000)
  t.match(lines().at(-1), { event: 'operator_action', action: 'omitted', omitted: 990 })
  for (let host = 0; host < 300; host += 1)
    log.writeAction({ ...refused, remoteAddress: `2001:db8::${host}` })
  t.equal(lines().filter(({ remoteAddress }) => remoteAddress?.startsWith('2001')).length, 100)
  await log.close()
  t.match(lines().slice(-2), [{ action: 'omitted', omitted: 200 }, { event: 'log_stopped' }])
})

t.test('an unknown caller cannot push the log out, whatever its attempts end in', async (t) => {
  const { log, clock, lines } = openLog()
  log.start()
  const failed = { ...refused, result: 'failed', errorCode: 'internal' } as const
  for (let attempt = 0; attempt < 1000; attempt += 1) log.writeAction(failed)
  for (let attempt = 0; attempt < 50; attempt += 1) log.writeAction({ ...failed, client: 'operator' })
  for (let attempt = 0; attempt < 50; attempt += 1)
    log.writeAction({ ...refused, client: 'viewer', errorCode: 'client_forbidden' })
  const of = (client: string | null) => lines().filter((line) => line.client === client)
  t.equal(of(null).length, 10)
  t.equal(of('operator').length, 50, 'what a known client tried is told each time')
  t.equal(of('viewer').length, 10, 'but not what it may not do')
  await clock.advance(60_000)
  t.match(lines().at(-1), { action: 'omitted', omitted: 990 + 40 })
})

t.test('the page names every action', async (t) => {
  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  for (const action of operatorActions) t.ok(page.includes(`\`${action}\``), action)
})
