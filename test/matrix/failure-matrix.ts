import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { buildApp } from '../../src/app.ts'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { formatDiagnosis, presentDiagnosis } from '../../src/cli/doctor.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { type Diagnosis, diagnoseConnection } from '../../src/connection/diagnose.ts'
import type { Decision } from '../../src/decision/decision.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { type FaultInput, type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { type Broken, type SplitCloud, splitCloudToken, startSplitCloud } from './split-cloud.ts'

/** The four exchanges of a look-up. */
export const hops = ['token for Graph', 'discovery', 'token for Intune', 'query'] as const
export type HopName = (typeof hops)[number]

export const deadlineMs = 300
/** Scheduling and the answer itself, on a machine that does other things too. */
export const graceMs = 100
const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

/** What one fault at one hop leads to. */
export interface Cell {
  readonly hop: HopName
  readonly fault: string
  readonly outcome: string
  readonly reason: string
  readonly code: string
  readonly enrolled: boolean | null
  readonly decisionMs: number
  /** What the first attempt took, where it was late and the cell was played again. */
  readonly lateMs?: number
  /** Step and code of the first failure that doctor names; `ok` where it found none. */
  readonly diagnosis: string
  readonly remedy: string
  /** What of the secrets showed up in anything that was logged, answered or printed. */
  readonly leaks: readonly string[]
}

const target: Readonly<
  Record<HopName, Pick<FaultInput, 'match'> & { hop: 'token' | 'discovery' | 'query' }>
> = {
  'token for Graph': { hop: 'token', match: 'graph' },
  discovery: { hop: 'discovery' },
  'token for Intune': { hop: 'token', match: 'intune' },
  query: { hop: 'query' },
}

const brokenHost: Readonly<Record<HopName, Broken>> = {
  'token for Graph': 'login',
  discovery: 'graph',
  'token for Intune': 'login_after_first_token',
  query: 'intune',
}

type Disturbance = FaultInput extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'hop' | 'match'>
    : never
  : never

const html = { contentType: 'text/html', body: '<html><title>Service Unavailable</title></html>' }

/** Faults that a host can have while it can be reached. */
const wireFaults: Readonly<Record<string, Disturbance>> = {
  reset: { kind: 'reset' },
  hang: { kind: 'hang' },
  slow: { kind: 'latency', latencyMs: 600 },
  'slow body': { kind: 'slow_body', durationMs: 600 },
  '400': {
    kind: 'status',
    status: 400,
    body: '{"error":"invalid_request"}',
    contentType: 'application/json',
  },
  '401': { kind: 'status', status: 401, body: '{"error":"invalid_client"}', contentType: 'application/json' },
  '403': { kind: 'status', status: 403 },
  '404': { kind: 'status', status: 404 },
  '429': { kind: 'status', status: 429 },
  '429 Retry-After': { kind: 'status', status: 429, headers: { 'retry-after': '30' } },
  '500': { kind: 'status', status: 500 },
  '503 HTML': { kind: 'status', status: 503, ...html },
  'wrong JSON/XML': { kind: 'body', body: '{"value":<not>closed', contentType: 'application/json' },
  'HTML with 200': { kind: 'body', ...html },
  'empty body': { kind: 'body', body: '' },
  truncated: { kind: 'truncate' },
  '1 MiB body': { kind: 'huge', bytes: 1_048_576 },
  redirect: { kind: 'redirect', location: 'https://login.captive.example/' },
}

/** With these the deadline is what ends the decision. */
const slowFaults = ['hang', 'slow', 'slow body']

/** Every fault of the matrix; the last two need a host of its own for each hop. */
export const faults = [...Object.keys(wireFaults), 'refused', 'untrusted TLS'] as const

/** Plays every fault at every hop against a service without memory. Takes about half a minute. */
export async function playMatrix(): Promise<readonly Cell[]> {
  const directory = mkdtempSync(join(tmpdir(), 'intune-nac-matrix-'))
  const pair = await createSelfSignedCertificate({ commonName: 'intune-nac matrix' })
  const [simulator, split] = await Promise.all([startSimulator(), startSplitCloud()])
  try {
    simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
    simulator.tenant.putDevice({ deviceId, complianceState: 'compliant' })
    const keyLines = pair.privateKeyPem.split('\n').filter((line) => line.length > 40)
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    }
    const common = {
      INTUNE_CLIENT_ID: clientId,
      INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
      INTUNE_ALLOWED_HOSTS: '127.0.0.1',
      INTUNE_CERTIFICATE_FILE: file('app.pem', pair.certificatePem),
      INTUNE_PRIVATE_KEY_FILE: file('app.key', pair.privateKeyPem),
      DECISION_DEADLINE_MS: String(deadlineMs),
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
    }
    const simulated = {
      ...common,
      INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
      INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
      INTUNE_CA_FILE: file('simulator.pem', simulator.caCertificatePem),
    }
    const splitUp = {
      ...common,
      INTUNE_TOKEN_ISSUING_URL: split.authorityUrl,
      INTUNE_AUTO_DISCOVERY_URL: split.graphUrl,
      INTUNE_CA_FILE: file('split.pem', split.caCertificatePem),
    }
    // Once without a fault: what is loaded and compiled on first use is not part of a decision.
    await playCell(simulated, async () => undefined, keyLines)

    const cells: Cell[] = []
    for (const hop of hops) {
      for (const fault of faults) {
        const ownHosts = fault === 'refused' || fault === 'untrusted TLS'
        const play = () =>
          ownHosts
            ? playCell(splitUp, () => breakHost(split, hop, fault), keyLines)
            : playCell(simulated, async () => disturb(simulator, hop, fault), keyLines)
        const first = await play()
        // A busy machine can hold a process up for longer than that; what is late by our own doing is late twice.
        const tooLate = first.decisionMs > deadlineMs + graceMs
        const late = tooLate || (first.code === 'deadline_exceeded' && !slowFaults.includes(fault))
        const cell = late ? { ...(await play()), lateMs: first.decisionMs } : first
        cells.push({ hop, fault, ...cell })
      }
    }
    return cells
  } finally {
    await Promise.all([simulator.close(), split.close()])
    rmSync(directory, { recursive: true, force: true })
  }
}

function breakHost(split: SplitCloud, hop: HopName, fault: string): Promise<void> {
  return split.break(brokenHost[hop], fault === 'refused' ? 'refused' : 'untrusted')
}

function disturb({ tenant }: Simulator, hop: HopName, fault: string): void {
  tenant.clearFaults()
  tenant.setFault({ ...target[hop], ...wireFaults[fault] } as FaultInput)
}

/** Every cell leaves trust stores of hundreds of roots behind, which take a while to free: not in the next decision. */
const collectGarbage: () => void = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
})()

/** One decision of a service that has just started, then one diagnosis, with the fault set anew before each. */
async function playCell(
  environment: Record<string, string>,
  set: () => Promise<void>,
  keyLines: readonly string[],
): Promise<Omit<Cell, 'hop' | 'fault'>> {
  const loaded = loadSettings(environment, (path) => readFileSync(path, 'utf8'))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const identity = parseIdentity({ deviceId: [deviceId] })
  if (!identity.ok) throw new Error(identity.fault.message)
  const printed: string[] = []
  const logger = createLogger({ level: 'trace' }, { write: (line: string) => void printed.push(line) })

  await set()
  const app = buildApp(loaded, logger)
  if (!app.ok) throw new Error(app.fault.message)
  collectGarbage()
  const startedMs = performance.now()
  const decided = await app.value.decide({
    identity: identity.value,
    refresh: false,
    frontend: 'json',
    client: 'matrix',
  })
  const decisionMs = performance.now() - startedMs
  if (!decided.ok) throw new Error(decided.fault.message)
  await app.value.close()

  await set()
  const diagnosis = await diagnoseConnection({
    settings: loaded.settings.intune,
    stepLimitMs: 900,
    slowMs: 500,
  })
  printed.push(JSON.stringify(decided.value), JSON.stringify(presentDiagnosis(diagnosis)))
  printed.push(formatDiagnosis(diagnosis))
  return {
    ...readDecision(decided.value),
    decisionMs,
    ...readDiagnosis(diagnosis),
    leaks: leaksIn(printed, keyLines),
  }
}

function readDecision({ outcome, reason, faultCode, enrolled }: Decision) {
  return { outcome, reason, code: faultCode ?? '', enrolled }
}

function readDiagnosis({ steps, firstFailure }: Diagnosis): Pick<Cell, 'diagnosis' | 'remedy'> {
  const told = firstFailure ?? steps.find(({ result }) => result === 'warn')
  if (!told) return { diagnosis: 'ok', remedy: '' }
  const what = firstFailure ? (firstFailure.fault?.code ?? '') : 'warning'
  return { diagnosis: `${told.step}: ${what}`, remedy: told.remedy ?? '' }
}

function leaksIn(printed: readonly string[], keyLines: readonly string[]): string[] {
  const text = printed.join('\n')
  return [
    ...(/eyJ[\w-]{16,}/.test(text) ? ['a JWT (token or assertion)'] : []),
    ...(/client_assertion=|Bearer [\w.-]{16,}/.test(text) ? ['a request'] : []),
    ...(text.includes(splitCloudToken) ? ['the opaque token'] : []),
    ...(keyLines.some((line) => text.includes(line)) || text.includes('PRIVATE KEY') ? ['the key'] : []),
  ]
}
