import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { type RunningCommand, runToEnd, startCommand } from '../e2e/run-process.ts'
import { keepFilesOf } from '../fakes/kept-output.ts'

const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')

/**
 * False where libfaketime is there. On a machine without it the suite says so loudly and is skipped; under CI it runs
 * and fails.
 */
export const faketimeMissing: string | false =
  library !== undefined || process.env.CI === 'true'
    ? false
    : `NOT RUN, libfaketime is missing. Install it: bash scripts/install-test-peers.sh (package faketime)`

if (faketimeMissing !== false) process.stderr.write(`\n!! ${faketimeMissing}\n\n`)

const clientId = '6f1c7a52-3c1e-4f0a-9f0d-2a6f5a1b9c01'
const hourSeconds = 3600

/** By how many seconds the clock of the service is wrong. */
export const offsets = {
  right: 0,
  minutesAhead: 50 * 60,
  ahead: 9 * hourSeconds,
  dayAhead: 26 * hourSeconds,
  behind: -26 * hourSeconds,
  /** To the start of 2000, where a machine without a battery begins. */
  y2000: Math.round((Date.UTC(2000, 0, 1) - Date.now()) / 1000),
} as const

/** One of the devices of the simulated tenant. */
export function macOf(number: number): string {
  return `0050560000${number.toString(16).toUpperCase().padStart(2, '0')}`
}

/** What /readyz of the management listener says. */
export interface Health {
  readonly status: string
  readonly checks: Readonly<Record<string, { readonly status: string; readonly what?: string }>>
}

/**
 * A state directory and a simulated Microsoft with the right clock; the service runs against it as a process of its
 * own, whose time of day libfaketime moves while its monotonic clock is left alone.
 */
export async function fakedService(t: Test) {
  // The certificates of a real tenant are older than any of these jumps but the longest.
  const notBefore = new Date(Date.now() - 400 * 24 * hourSeconds * 1000)
  const [pair, authority] = await Promise.all([
    createSelfSignedCertificate({ commonName: 'intune-nac test', notBefore }),
    createCertificateAuthority({ commonName: 'Simulator root', notBefore }),
  ])
  const server = await issueServerCertificate(authority, {
    commonName: 'simulator',
    ipAddresses: ['127.0.0.1'],
    notBefore,
  })
  const simulator = await startSimulator({ tls: { ...server, caCertificatePem: authority.certificatePem } })
  t.teardown(() => simulator.close())
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
  const put = (number: number, complianceState: 'compliant' | 'noncompliant') =>
    simulator.tenant.putDevice({
      deviceId: `c0000000-0000-4000-8000-0000000000${number.toString(16).padStart(2, '0')}`,
      macs: [macOf(number)],
      complianceState,
    })
  const directory = t.testdir({
    'app.pem': pair.certificatePem,
    'app.key': pair.privateKeyPem,
    'ca.pem': authority.certificatePem,
    state: {},
  })
  const stateDirectory = join(directory, 'state')
  const offsetFile = join(directory, 'offset')
  const environment = {
    INTUNE_TOKEN_ISSUING_URL: `${simulator.origin}/${simulator.tenantId}`,
    INTUNE_AUTO_DISCOVERY_URL: simulator.origin,
    INTUNE_TOKEN_AUDIENCE: 'https://api.manage.microsoft.com/',
    INTUNE_ALLOWED_HOSTS: '127.0.0.1',
    INTUNE_CA_FILE: join(directory, 'ca.pem'),
    INTUNE_CLIENT_ID: clientId,
    INTUNE_CERTIFICATE_FILE: join(directory, 'app.pem'),
    INTUNE_PRIVATE_KEY_FILE: join(directory, 'app.key'),
    SERVICE_PORT: '0',
    MANAGEMENT_PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '0',
    DECISION_DEADLINE_MS: '5000',
    STATE_DIR: stateDirectory,
    LD_PRELOAD: library ?? 'libfaketime-is-missing',
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
  const stateFile = join(stateDirectory, `compliance-${simulator.tenantId}.sqlite`)

  /** Takes effect with the next look at the clock: the file is replaced as a whole. */
  function setClock(offset: keyof typeof offsets): void {
    const seconds = offsets[offset]
    writeFileSync(`${offsetFile}.new`, `${seconds < 0 ? '' : '+'}${seconds}`)
    renameSync(`${offsetFile}.new`, offsetFile)
  }

  async function start(offset: keyof typeof offsets) {
    setClock(offset)
    const command: RunningCommand = startCommand(['serve'], environment)
    t.teardown(async () => {
      command.child.kill('SIGKILL')
      await command.exited
    })
    const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
    const [, managementUrl = ''] = await command.waitFor(/"managementUrl":"([^"]+)"/)
    const ask = async (number: number, { refresh = false } = {}) => {
      const reply = await fetch(`${url}/v1/decision?mac=${macOf(number)}${refresh ? '&refresh=true' : ''}`)
      return (await reply.json()) as Record<string, unknown>
    }
    const health = async () => (await (await fetch(`${managementUrl}/readyz`)).json()) as Health
    return {
      ask,
      health,
      /** One sample of /metrics. */
      async metric(name: string): Promise<number> {
        const text = await (await fetch(`${managementUrl}/metrics`)).text()
        const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
        return Number(line?.slice(name.length + 1))
      },
      /** Waits until the clock check says so. */
      clockIs: (status: 'ok' | 'degraded') =>
        until(`the clock is ${status}`, async () => {
          const { clock } = (await health()).checks
          return clock?.status === status ? clock : undefined
        }),
      /** Waits for an answer of Intune about a device, at most the minute that a clock that was wrong may cost. */
      async answerOfIntune(number: number) {
        const startedMs = performance.now()
        const answer = await until(`Intune is asked about device ${number}`, async () => {
          const asked = await ask(number)
          if (asked.source === 'cache') throw new Error(`fresh without asking: ${JSON.stringify(asked)}`)
          return asked.source === 'intune' ? asked : undefined
        })
        t.comment(`Intune answered ${Math.round(performance.now() - startedMs)} ms after the clock was set`)
        return answer
      },
      async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') {
        command.child.kill(signal)
        await command.exited
      },
    }
  }

  /** The rows of the state file: when each device was observed, as the file has it. */
  function rows(): ReadonlyMap<string, number> {
    const database = new DatabaseSync(stateFile, { readOnly: true, timeout: 5000 })
    try {
      const all = database.prepare('SELECT key, observed_at FROM records').all()
      return new Map(
        all.map(({ key, observed_at }) => [String(key).slice('mac/'.length), Number(observed_at)]),
      )
    } finally {
      database.close()
    }
  }
  t.teardown(() => keepFilesOf({ stateDir: stateDirectory }))

  return { simulator, put, start, setClock, rows, doctor: () => runToEnd(['doctor'], environment) }
}

/** Looks again and again; a minute is what a wrong clock may cost. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > endMs) throw new Error(`not within a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const longestFreshSeconds = 660

/** Whatever the clock says: no age is negative, and nothing is fresh for longer than the settings allow. */
export function checkTimes(t: Test, answer: Record<string, unknown>, what: string): void {
  const { ageSeconds, expiresInSeconds } = answer as { ageSeconds: number; expiresInSeconds: number }
  t.ok(ageSeconds >= 0, `${what}: age ${ageSeconds} s`)
  t.ok(expiresInSeconds <= longestFreshSeconds, `${what}: fresh for ${expiresInSeconds} s`)
}

/** Whether somebody is let in by a fact that counts as fresh. */
export function isFreshAllow({ decision, stale }: Record<string, unknown>): boolean {
  return decision === 'allow' && stale === false
}
