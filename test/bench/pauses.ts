/**
 * `node test/bench/pauses.ts [ROWS]`: for how long the event loop stands still while a long list of noncompliant devices
 * is taken in: from Intune, into the state file, and from there after a restart. Reports, and asserts nothing: the
 * deterministic counterparts are in test/intune, test/compliance and test/state.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildApp } from '../../src/app.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startBenchSimulator } from './bench-simulator.ts'

const rows = Number(process.argv[2] ?? 125_000)

interface Pause {
  /** Longest delay of a timer that was due every millisecond, milliseconds. */
  readonly longestMs: number
  /** Most processor time that the main thread used in one turn of the event loop: not what other processes took. */
  readonly longestTurnCpuMs: number
}

/** Watches the event loop until the returned function is called. */
function watchEventLoop(): () => Pause {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  let longestTurn = 0
  let isDone = false
  let before = process.threadCpuUsage()
  const turn = () => {
    const { user, system } = process.threadCpuUsage(before)
    longestTurn = Math.max(longestTurn, user + system)
    before = process.threadCpuUsage()
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isDone = true
    delays.disable()
    return { longestMs: delays.max / 1e6, longestTurnCpuMs: longestTurn / 1000 }
  }
}

function report(what: string, startedMs: number, { longestMs, longestTurnCpuMs }: Pause): void {
  const took = Math.round(performance.now() - startedMs)
  process.stdout.write(
    `${what}: ${took} ms in all, longest pause ${longestMs.toFixed(1)} ms (${longestTurnCpuMs.toFixed(1)} ms of processor time)\n`,
  )
}

const directory = mkdtempSync(join(tmpdir(), 'intune-nac-pauses-'))
mkdirSync(join(directory, 'state'))
const simulator = await startBenchSimulator(directory)
for (let from = 0; from < rows; from += 5000) {
  await simulator.putDevices(
    Array.from({ length: Math.min(5000, rows - from) }, (_, index) => ({
      deviceId: `${(from + index).toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`,
      macs: [(from + index).toString(16).padStart(12, '0').toUpperCase()],
      complianceState: 'noncompliant' as const,
    })),
  )
}

const environment = {
  ...simulator.environment,
  STATE_DIR: join(directory, 'state'),
  SERVICE_PORT: '0',
  MANAGEMENT_PORT: '0',
  SHUTDOWN_GRACE_SECONDS: '0',
}
const loaded = loadSettings(environment, (path) => readFileSync(path, 'utf8'))
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))

/** Starts the service, waits for the list, and does what is given with it. */
async function withService(
  what: string,
  act: (app: Extract<ReturnType<typeof buildApp>, { ok: true }>['value']) => Promise<void>,
): Promise<void> {
  const logger = createLogger({ level: 'warn' }, { write: (line: string) => process.stdout.write(line) })
  const built = loaded.ok ? buildApp(loaded, logger) : undefined
  if (!built?.ok) throw new Error('the service cannot be built')
  const app = built.value
  const startingMs = performance.now()
  const seenStarting = watchEventLoop()
  await app.listen()
  report('started', startingMs, seenStarting())
  const startedMs = performance.now()
  const seen = watchEventLoop()
  while (app.compliance.currentList() === undefined) {
    if (performance.now() - startedMs > 120_000)
      throw new Error('there is no list; 200,000 rows are too long')
    await sleep(20)
  }
  report(`${what} (${app.compliance.currentList()?.devices.length} devices)`, startedMs, seen())
  await act(app)
  const closingMs = performance.now()
  const seenClosing = watchEventLoop()
  await app.close()
  report('  and closed', closingMs, seenClosing())
}

try {
  await withService('from Intune', async (app) => {
    const startedMs = performance.now()
    const seen = watchEventLoop()
    let isSaved = false
    while (!isSaved) {
      await sleep(200)
      isSaved = performance.now() - startedMs > 3000
    }
    report('  saved', startedMs, seen())
    const listMs = performance.now()
    const seenList = watchEventLoop()
    const reply = await app.server.inject({
      path: '/ciscoise/mdmapi/v2/devices',
      query: { paging: '0', querycriteria: 'compliance', value: 'false', filter: 'all' },
      remoteAddress: '127.0.0.1',
    })
    report(`  a page for ISE (${reply.statusCode}, ${reply.body.length} characters)`, listMs, seenList())
  })
  await withService('from the state file', async () => {})
} finally {
  await simulator.stop()
  rmSync(directory, { recursive: true, force: true })
}
