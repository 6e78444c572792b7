import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import { type App, buildApp } from '../../src/app.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import type { Decision } from '../../src/decision/decision.ts'
import { failure, type Outcome, success } from '../../src/errors/fault.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { createOutbound, type HttpReply, type HttpRequest, type Outbound } from '../../src/intune/outbound.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'

export const deadlineMs = 1000

/** How Microsoft is away: the whole network, or Intune alone with an error. */
export type Outage = 'black hole' | 'refused' | 'reset' | '503' | '429 with Retry-After 120'

/** An answer with the simulated time that it took. */
export interface TimedDecision {
  readonly decision: Decision
  readonly tookMs: number
}

/** The whole service on a clock of its own, whose way to Microsoft a test can cut. */
export interface SimulatedOutage {
  readonly clock: FakeClock
  readonly simulator: Awaited<ReturnType<typeof startSimulator>>
  readonly stateDirectory: string
  readonly log: () => string
  begin(outage: Outage): void
  end(): void
  /** Requests that left the service since the outage began. */
  attempts(): number
  app(): App
  /** Asks and lets the simulated time pass until there is an answer. */
  ask(deviceId: string): Promise<TimedDecision>
  /** Throws the running service away, as a kill would, and starts another on the same state directory. */
  restart(): Promise<void>
}

const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
const pair = await createSelfSignedCertificate({ commonName: 'intune-nac outage test' })

export async function simulateOutage(t: Test): Promise<SimulatedOutage> {
  const clock = new FakeClock(Date.now())
  // On real time, by which MSAL dates its assertions.
  const simulator = await startSimulator()
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'ca.pem': simulator.caCertificatePem,
  })
  const stateDirectory = join(directory, 'state')
  const loaded = loadSettings(
    {
      INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
      INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
      INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
      INTUNE_ALLOWED_HOSTS: '127.0.0.1',
      INTUNE_CLIENT_ID: clientId,
      INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
      INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
      STATE_DIR: stateDirectory,
      DECISION_DEADLINE_MS: String(deadlineMs),
    },
    (path) => readFileSync(path, 'utf8'),
  )
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  // On real time: the fake clock would run out while a real exchange is under way.
  const network = createOutbound({ caFile: join(directory, 'ca.pem') })
  if (!network.ok) throw new Error(network.fault.message)

  let outage: Outage | undefined
  let attempts = 0
  const outbound: Outbound = {
    close: async () => {},
    async send(request) {
      if (outage === undefined) return network.value.send(request)
      const isIntuneAlone = outage === '503' || outage === '429 with Retry-After 120'
      if (isIntuneAlone && request.hop !== 'query') return network.value.send(request)
      attempts += 1
      return failAs(outage, request, clock)
    },
  }
  const lines: string[] = []
  const logger = createLogger({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const start = async (): Promise<App> => {
    const built = buildApp(loaded, logger, { clock, outbound })
    if (!built.ok) throw new Error(built.fault.message)
    await built.value.listen()
    return built.value
  }
  const apps = [await start()]
  const current = () => apps.at(-1) ?? never()
  t.teardown(async () => {
    // Closing waits for the state file on the fake clock, but also for real threads and sockets.
    await passTimeUntil(clock, Promise.all(apps.map((app) => app.close())), { stepMs: 100, everyMs: 1 })
    await network.value.close()
    await simulator.close()
  })

  return {
    clock,
    simulator,
    stateDirectory,
    log: () => lines.join(''),
    begin(next) {
      outage = next
      attempts = 0
    },
    end() {
      outage = undefined
    },
    attempts: () => attempts,
    app: current,
    async ask(deviceId) {
      const identity = parseIdentity({ deviceId })
      if (!identity.ok) throw new Error(identity.fault.message)
      const startedMs = clock.nowMs()
      let answer: Outcome<Decision> | undefined
      const question = { identity: identity.value, refresh: false, frontend: 'json', client: 'test' } as const
      const asking = Promise.resolve(current().decide(question)).then((decided) => {
        answer = decided
      })
      // A real exchange needs no simulated time, but a retry, or a look-up left over from the outage, does:
      // so slowly that the deadline is still four real seconds away.
      if (outage === undefined) await passTimeUntil(clock, asking, { stepMs: 50, everyMs: 200 })
      else for (let turn = 0; answer === undefined && turn < 400; turn += 1) await passTime(clock)
      if (!answer?.ok) throw new Error(answer?.fault.code ?? 'no answer')
      return { decision: answer.value, tookMs: clock.nowMs() - startedMs }
    },
    async restart() {
      apps.push(await start())
    },
  }
}

/** First whatever is ready, then 50 ms: an answer that takes no time takes none. */
async function passTime(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await settle()
  await clock.advance(50)
}

/** Lets simulated time pass a step at a time, with real time in between, until what is awaited has come. */
async function passTimeUntil(
  clock: FakeClock,
  awaited: Promise<unknown>,
  { stepMs, everyMs }: { readonly stepMs: number; readonly everyMs: number },
): Promise<void> {
  let isOver = false
  const over = awaited.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const pause = new AbortController()
    await Promise.race([over, setTimeout(everyMs, undefined, { signal: pause.signal }).catch(() => {})])
    pause.abort()
    if (!isOver) await clock.advance(stepMs)
  }
  await over
}

async function failAs(
  outage: Outage,
  { hop, url, timeoutMs }: HttpRequest,
  clock: FakeClock,
): Promise<Outcome<HttpReply>> {
  const { host } = new URL(url)
  switch (outage) {
    case 'black hole':
      await new Promise<void>((resolve) => clock.after(timeoutMs, resolve))
      return failure('upstream_timeout', `${host} did not answer in time`, { hop, host })
    case 'refused':
      return failure('connection_refused', `the connection to ${host} was refused`, { hop, host })
    case 'reset':
      return failure('connection_failed', `the connection to ${host} failed (ECONNRESET)`, { hop, host })
    case '503':
      return success({ status: 503, headers: {}, body: '', contentType: '' })
    case '429 with Retry-After 120':
      return success({ status: 429, headers: { 'retry-after': '120' }, body: '', contentType: '' })
  }
}

function never(): never {
  throw new Error('there is no service')
}
