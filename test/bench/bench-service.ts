import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
      SHUTDOWN_GRACE_SECONDS: '0',
      // Slow upstreams are measured, not given up.
      DECISION_DEADLINE_MS: '10000',
    },
  }
}

/**
 * Starts the service as an operator would: authentication, metrics, and the decision log in a file of its own. `name` names its files in `directory`.
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
  const [port, managementPort] = [await freePort(), await freePort()]
  const startedAt = performance.now()
  const variables = {
    ...access.environment,
    SERVICE_PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    // The decision log goes to its file alone: at `info` standard output would get a copy of every line.
    LOG_LEVEL: 'warn',
    DECISION_LOG_FILE: join(directory, `${name}-decisions.log`),
    ...environment,
  }
  const service = startMeasured([main, 'serve'], {
    environment: variables,
    outputFile: join(directory, `${name}.log`),
    ...(cores !== undefined && { cores }),
  })
  const url = `http://127.0.0.1:${variables.SERVICE_PORT}`
  const managementUrl = `http://127.0.0.1:${variables.MANAGEMENT_PORT}`
  while (!(await isReady(managementUrl))) {
    if (service.child.exitCode !== null) throw new Error(`the service ended; see ${name}.log`)
    await sleep(5)
  }
  return { ...service, url, managementUrl, startMs: performance.now() - startedAt }
}

/** The management listener: behind a shared port, another process might answer. It is opened last. */
async function isReady(managementUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${managementUrl}/readyz`)).ok
  } catch {
    return false
  }
}

/** A port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
