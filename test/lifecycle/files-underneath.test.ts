import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { takeFileLock } from '../../src/lifecycle/file-lock.ts'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { runToEnd, startCommand } from '../e2e/run-process.ts'

t.setTimeout(120_000)

interface ShownCheck {
  readonly status: string
  readonly what?: string
  readonly remedy?: string
}

async function prepare(t: Test) {
  const { environment, simulator } = await simulatedService(t)
  const directory = dirname(environment.INTUNE_CA_FILE)
  const start = async (more: Record<string, string>) => {
    const command = startCommand(['serve'], { ...environment, ...more })
    t.teardown(() => command.child.kill('SIGKILL'))
    const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
    const [, managementUrl = ''] = await command.waitFor(/"managementUrl":"([^"]+)"/)
    const get = async (address: string) => (await fetch(address)).json() as Promise<never>
    const ask = (): Promise<{ decision: string; decisionId: string }> =>
      get(`${url}/v1/decision?mac=${laptop.mac}`)
    const checks = async () =>
      ((await get(`${managementUrl}/readyz`)) as { checks: Record<string, ShownCheck> }).checks
    const metrics = async () => (await fetch(`${managementUrl}/metrics`)).text()
    return { command, ask, checks, metrics, status: () => get(`${managementUrl}/status`) }
  }
  return { environment, directory, start, tenantId: simulator.tenantId }
}

/** Waits for what the service does by its own clock; at most as long as an operator is promised. */
async function within(seconds: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const untilMs = performance.now() + seconds * 1000
  while (performance.now() < untilMs) {
    if (await condition()) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return condition()
}

const readLog = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')

const rowsIn = (file: string, table: string) => {
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    const rows = database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    database.close()
    return Number(rows)
  } catch {
    return 0
  }
}

for (const [what, act] of [
  ['deleted', (place: string) => rmSync(place, { recursive: true })],
  [
    'renamed away and made anew',
    (place: string) => {
      renameSync(place, `${place}.away`)
      mkdirSync(place)
    },
  ],
] as const) {
  t.test(`a directory with all files of the service that is ${what} is noticed within seconds`, async (t) => {
    const { directory, start, tenantId } = await prepare(t)
    const place = join(directory, 'kept')
    mkdirSync(place)
    const log = join(place, 'decisions.log')
    const stateFile = join(place, `compliance-${tenantId}.sqlite`)
    const traceFile = join(place, `traces-${tenantId}.sqlite`)
    const files = { STATE_DIR: place, DECISION_LOG_FILE: log, TRACE_STORE: 'on' }
    const service = await start(files)
    const first = await service.ask()
    t.ok(await within(5, () => rowsIn(stateFile, 'records') === 1 && rowsIn(traceFile, 'traces') === 1))

    act(place)
    const second = await service.ask()
    t.ok(await within(8, () => rowsIn(stateFile, 'records') === 1), 'what is known is on disk again')
    t.ok(await within(8, () => rowsIn(traceFile, 'traces') >= 2), 'and how both decisions came about')
    const third = await service.ask()
    t.ok(await within(8, () => readLog(log).includes(third.decisionId)), 'the log goes on')
    // What was written into a file that has another name now is there.
    t.match(readLog(log) + readLog(join(`${place}.away`, 'decisions.log')), second.decisionId)
    await service.command.waitFor(/"event":"lock_taken_again","file":"[^"]*decisions.log.lock"/)
    t.equal(takeFileLock(`${log}.lock`, { pid: 1, host: '', since: '', listensOn: '' }).state, 'taken')
    t.ok(
      await within(8, async () =>
        Object.values(await service.checks()).every(({ status }) => status === 'ok'),
      ),
    )
    const metrics = await service.metrics()
    for (const file of ['state', 'traces', 'decision_log', 'lock']) {
      t.match(metrics, new RegExp(`nac_files_replaced_total\\{file="${file}"\\} [1-9]`), `${file} is counted`)
    }
    const output = service.command.output()
    for (const event of ['state_file', 'trace_file', 'decision_log_replaced']) {
      t.equal(output.split(`"event":"${event}"`).length - 1, 1, `${event} is logged once`)
    }
    service.command.child.kill('SIGINT')
    t.equal(await service.command.exited, 0)
    const { finding } = await verifyDecisionLog([log])
    t.notOk(finding, 'the new decision log is intact')

    const again = await start(files)
    t.match(await again.status(), { cache: { records: 1 } }, 'a restart forgets nothing')
    t.notMatch(again.command.output(), first.decisionId)
    again.command.child.kill('SIGINT')
    await again.command.exited
  })
}

/** A directory that is a disk of its own, 400 KB large; undefined where this process may not mount one. */
function mountDisk(t: Test): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'intune-nac-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', place])
  t.teardown(() => {
    spawnSync('umount', ['-l', place])
    rmSync(place, { recursive: true, force: true })
  })
  return mounted.status === 0 ? place : undefined
}

t.test('a disk that is full is said with a remedy until there is room', async (t) => {
  const { start, tenantId } = await prepare(t)
  const place = mountDisk(t)
  if (place === undefined) return t.comment('not tried: this takes a right to mount')
  const log = join(place, 'decisions.log')
  const service = await start({ STATE_DIR: place, DECISION_LOG_FILE: log })
  await service.ask()
  t.ok(await within(5, () => rowsIn(join(place, `compliance-${tenantId}.sqlite`), 'records') === 1))

  spawnSync('dd', ['if=/dev/zero', `of=${join(place, 'filler')}`, 'bs=1k', 'count=1000'])
  const isFull = async () => {
    await service.ask()
    return (await service.checks()).decisionLog?.status === 'degraded'
  }
  t.ok(await within(15, isFull))
  t.match((await service.checks()).decisionLog, { what: /ENOSPC/, remedy: /space/ })
  rmSync(join(place, 'filler'))
  t.ok(await within(10, async () => (await service.checks()).decisionLog?.status === 'ok'))
  const { decisionId } = await service.ask()
  t.ok(await within(5, () => readFileSync(log, 'utf8').includes(decisionId)))
  service.command.child.kill('SIGINT')
  t.equal(await service.command.exited, 0)
  t.match(service.command.output(), /"event":"decision_log_failed","code":"ENOSPC"/)
  t.notOk((await verifyDecisionLog([log])).finding, 'nothing is missing')
})

t.test('a disk that can only be read is written as soon as it can be', async (t) => {
  const { start, tenantId } = await prepare(t)
  const place = mountDisk(t)
  if (place === undefined) return t.comment('not tried: this takes a right to mount')
  const file = join(place, `compliance-${tenantId}.sqlite`)
  const first = await start({ STATE_DIR: place })
  await first.ask()
  t.ok(await within(5, () => rowsIn(file, 'records') === 1))
  first.command.child.kill('SIGINT')
  await first.command.exited
  t.equal(spawnSync('mount', ['-o', 'remount,ro', place]).status, 0)
  const service = await start({ STATE_DIR: place })
  t.match(await service.status(), { state: { mode: 'read_only' }, cache: { records: 1 } }, 'it is read')
  t.match((await service.checks()).state, { status: 'degraded', what: /read_only/, remedy: /permissions/ })
  spawnSync('mount', ['-o', 'remount,rw', place])
  t.ok(await within(8, async () => (await service.checks()).state?.status === 'ok'))
  t.match(await service.status(), { state: { mode: 'read_write', pendingChanges: 0 } })
  service.command.child.kill('SIGINT')
  t.equal(await service.command.exited, 0)
})

t.test('a STATE_DIR that cannot be made costs memory of a restart, and nothing else', async (t) => {
  const { directory, start } = await prepare(t)
  symlinkSync(join(directory, 'not-mounted'), join(directory, 'link'))
  writeFileSync(join(directory, 'file'), '')
  for (const place of [
    '/proc/nostate',
    '/proc/self/no/state',
    join(directory, 'link', 'x'),
    join(directory, 'file'),
  ]) {
    const startedMs = performance.now()
    const service = await start({ STATE_DIR: place })
    t.ok(performance.now() - startedMs < 20_000, `${place}: it starts`)
    t.match(await service.ask(), { decision: 'allow' })
    t.match((await service.checks()).state, {
      status: 'degraded',
      what: /memory_only.*unusable/,
      remedy: /./,
    })
    t.match(service.command.output(), /"event":"state_file","problem":"unusable"/)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    t.equal(service.command.output().split('"event":"state_file"').length, 2, 'said once')
    service.command.child.kill('SIGINT')
    t.equal(await service.command.exited, 0)
  }
})

t.test('a DECISION_LOG_FILE that is no file, or cannot be made, is named, and nothing hangs', async (t) => {
  const { environment, directory } = await prepare(t)
  const fifo = join(directory, 'fifo')
  spawnSync('mkfifo', [fifo])
  mkdirSync(join(directory, 'folder'))
  for (const [file, exitCode, says] of [
    [fifo, 78, 'which is a FIFO'],
    ['/dev/null', 78, 'which is a device'],
    [join(directory, 'folder'), 78, 'which is a directory'],
    ['/proc/nolog', 1, 'Cannot write /proc/nolog'],
    [
      join(directory, 'no', 'such', 'folder', 'log'),
      78,
      `but ${join(directory, 'no/such/folder')} does not exist`,
    ],
  ] as const) {
    const ended = await runToEnd(['serve'], { ...environment, DECISION_LOG_FILE: file })
    t.match(ended, { exitCode, output: says }, file)
    if (exitCode !== 78) continue
    const checked = await runToEnd(['config'], { ...environment, DECISION_LOG_FILE: file })
    t.match(
      checked,
      { exitCode: 78, output: `DECISION_LOG_FILE names ${file}, ${says}` },
      'config says the same',
    )
  }
})
