import { hash, randomBytes } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { FrontendName } from '../decision/decide.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { type Credentials, parseAuthorization } from './authorization-header.ts'
import type { Client, ClientList } from './clients.ts'
import { createLimiter } from './limit-concurrency.ts'
import { defaultScryptParameters, type SecretHash, unmatchableHash, verifySecret } from './secret-hash.ts'

/** Who asks: the client's name in the clients file, or `local`. */
export interface AuthenticatedClient {
  readonly client: string
}

/**
 * Says who sent a request. Answers at once for credentials that were proven before, otherwise with a promise that
 * never rejects. Faults: unauthenticated, client_forbidden, service_overloaded, internal.
 */
export type Authenticate = (
  authorizationHeader: string | undefined,
  remoteAddress: string,
  frontend: FrontendName,
) => Outcome<AuthenticatedClient> | Promise<Outcome<AuthenticatedClient>>

/** What an authenticator works with; `verify` is replaced in tests only. */
export interface AuthenticatorParts {
  /** Undefined: no clients file, so callers on this machine are served as `local` and nobody else is. */
  readonly clients: ClientList | undefined
  readonly verify?: (secret: string, expected: SecretHash) => Promise<boolean>
}

const maxProofs = 1000
/** Half of libuv's thread pool: name resolution and file access keep the other half. */
const concurrentChecks = 2
const waitingChecks = 64

/**
 * Builds the check of credentials. scrypt runs once per credential: what was proven is remembered as a keyed digest
 * of the header, never as text. Credentials that are wrong cost one scrypt, also for a user who does not exist;
 * a wrong token costs one per client with a token.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticate {
  if (parts.clients === undefined) return authenticateLoopback
  const findClient = createClientSearch(parts.clients, parts.verify ?? verifySecret)
  const limit = createLimiter({ running: concurrentChecks, waiting: waitingChecks })
  const proofKey = randomBytes(32).toString('base64')
  const proofs = new LRUCache<string, Client>({ max: maxProofs })
  const checks = new Map<string, Promise<Outcome<Client>>>()

  async function check(proof: string, credentials: Credentials): Promise<Outcome<Client>> {
    try {
      const client = await limit(() => findClient(credentials))
      if (client === undefined) return overloaded
      if (client === 'nobody') return wrongCredentials
      proofs.set(proof, client)
      return success(client)
    } catch {
      return failure('internal', 'The credentials could not be checked.')
    } finally {
      checks.delete(proof)
    }
  }

  async function checkOnce(proof: string, credentials: Credentials, frontend: FrontendName) {
    let running = checks.get(proof)
    if (running === undefined) {
      running = check(proof, credentials)
      checks.set(proof, running)
    }
    const checked = await running
    return checked.ok ? admit(checked.value, frontend) : checked
  }

  return (header, _remoteAddress, frontend) => {
    if (header === undefined) return noCredentials
    // A digest with a secret key that never leaves this function. The one-shot hash takes a quarter of the time of an
    // HMAC; what HMAC adds, protection against length extension, matters only where the digest is seen.
    const proof = hash('sha256', proofKey + header, 'base64')
    const proven = proofs.get(proof)
    if (proven !== undefined) return admit(proven, frontend)
    const credentials = parseAuthorization(header)
    return credentials === undefined ? malformedCredentials : checkOnce(proof, credentials, frontend)
  }
}

const noCredentials = failure('unauthenticated', 'The request carries no credentials.')
const malformedCredentials = failure(
  'unauthenticated',
  'The Authorization header holds neither well-formed Basic nor Bearer credentials.',
)
const wrongCredentials = failure('unauthenticated', 'The credentials are wrong.')
const overloaded = failure('service_overloaded', 'Too many credentials wait to be checked.')
const notLocal = failure(
  'client_forbidden',
  'Only callers on the machine of the service are served, because it has no CLIENTS_FILE.',
)
const local = success({ client: 'local' })

function admit(client: Client, frontend: FrontendName): Outcome<AuthenticatedClient> {
  if (client.frontends.includes(frontend)) return success({ client: client.name })
  return failure('client_forbidden', `The client may not use the front end ${frontend}.`)
}

function createClientSearch({ clients }: ClientList, verify: NonNullable<AuthenticatorParts['verify']>) {
  const byUsername = new Map<string, { client: Client; expected: SecretHash }>()
  const byToken: { client: Client; expected: SecretHash }[] = []
  for (const client of clients) {
    if (client.basic) byUsername.set(client.basic.username, { client, expected: client.basic.passwordHash })
    if (client.bearer) byToken.push({ client, expected: client.bearer.tokenHash })
  }
  const [sample] = [...byUsername.values(), ...byToken]
  const nobody = unmatchableHash(sample?.expected.parameters ?? defaultScryptParameters)

  return async (credentials: Credentials): Promise<Client | 'nobody'> => {
    if (credentials.scheme === 'basic') {
      const known = byUsername.get(credentials.username)
      const matches = await verify(credentials.password, known?.expected ?? nobody)
      return matches && known !== undefined ? known.client : 'nobody'
    }
    for (const { client, expected } of byToken) {
      if (await verify(credentials.token, expected)) return client
    }
    if (byToken.length === 0) await verify(credentials.token, nobody)
    return 'nobody'
  }
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const authenticateLoopback: Authenticate = (_header, remoteAddress) => {
  if (remoteAddress === '127.0.0.1') return local
  // A BlockList also finds the IPv4 rules in mapped addresses (::ffff:127.0.0.1), which dual-stack sockets report.
  const family = isIPv6(remoteAddress) ? 'ipv6' : 'ipv4'
  return isIP(remoteAddress) !== 0 && loopback.check(remoteAddress, family) ? local : notLocal
}
