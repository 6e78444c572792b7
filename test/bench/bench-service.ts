import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecret, hashSecret } from '../../src/server/secret-hash.ts'
import { type MeasuredProcess, startMeasured } from './measured-process.ts'

/** The measured service. */
export interface BenchService extends MeasuredProcess {
  readonly url: string
  readonly managementUrl: string
  /** From the start of the process to the first 200 of /readyz. */
  readonly startMs: number
}

/** What every service of a run has in common. */
export interface ServiceAccess {
  readonly environment: Readonly<Record<string, string>>
  /** Value of the Authorization header. */
  readonly authorization: string
}

/** Writes the clients file: one client with Basic credentials. */
export async function prepareAccess(
  intune: Readonly<Record<string, string>>,
  directory: string,
): Promise<ServiceAccess> {
  const password = createSecret()
  const basic = { username: 'bench', passwordHash: await hashSecret(password) }
  const clientsFile = join(directory, 'clients.yaml')
  // JSON is YAML.
  writeFileSync(clientsFile, JSON.stringify({ clients: [{ name: 'bench', basic }] }), { mode: 0o600 })
  return {
    authorization: `Basic ${Buffer.from(`bench:${password}`).toString('base64')}`,
    environment: {
      ...intune,
      CLIENTS_FILE: clientsFile,
      SERVICE_HOST: '127.0.0.1',
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
      SHUTDOWN_GRACE_SECONDS: '0',
      // Slow upstreams are measured, not given up.
      DECISION_DEADLINE_MS: '10000',
    },
  }
}

/**
 * Starts the service as an operator would: authentication, metrics, and the decision log on standard output and in a
 * file of its own. `name` names its files in `directory`.
 */
export async function startService(
  access: ServiceAccess,
  {
    main,
    directory,
    name,
    environment = {},
    cores,
  }: {
    /** The service's main module. */
    readonly main: string
    readonly directory: string
    readonly name: string
    readonly environment?: Readonly<Record<string, string>>
    readonly cores?: number | readonly number[]
  },
): Promise<BenchService> {
  const startedAt = performance.now()
  const service = startMeasured([main, 'serve'], {
    environment: {
      ...access.environment,
      DECISION_LOG_FILE: join(directory, `${name}-decisions.log`),
      ...environment,
    },
    outputFile: join(directory, `${name}.log`),
    ...(cores !== undefined && { cores }),
  })
  const [, url = '', managementUrl = ''] = await service.waitFor(
    /"serviceUrl":"([^"]+)","managementUrl":"([^"]+)"/,
  )
  while (!(await fetch(`${url}/readyz`)).ok);
  return { ...service, url, managementUrl, startMs: performance.now() - startedAt }
}
