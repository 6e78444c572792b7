import { hash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type Clock, systemClock } from '../clock.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { isLoopbackAddress } from '../networks/networks.ts'
import { type Credentials, parseAuthorization } from './authorization-header.ts'
import { type ClientIndex, indexClients, type KnownClient, matchesRule } from './client-index.ts'
import type { Client, ClientList, Door } from './clients.ts'
import { createFailedAttempts } from './failed-attempts.ts'
import { createLimiter } from './limit-concurrency.ts'
import type { PeerCertificate } from './peer-certificate.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { type SecretHash, verifySecret } from './secret-hash.ts'

/** Who asks: the client's name in the clients file, or `local`. */
export interface AuthenticatedClient {
  readonly client: string
}

/**
 * Says who sent a request. Answers at once for credentials that were proven before, otherwise with a promise that
 * never rejects. Faults: unauthenticated, client_forbidden, too_many_attempts, rate_limited, service_overloaded,
 * internal.
 */
export interface Authenticate {
  (
    authorizationHeader: string | undefined,
    remoteAddress: string,
    door: Door,
    certificate?: PeerCertificate,
  ): Outcome<AuthenticatedClient> | Promise<Outcome<AuthenticatedClient>>
  /** There is no clients file: whoever asks is believed for being on this machine, so whether it is has to be looked at. */
  readonly servesMachineOnly?: true
}

/** The same, for clients that may change while the service runs. */
export interface Authenticator extends Authenticate {
  /** From the next request on these are the clients; credentials that are in both lists stay proven. */
  replaceClients(list: ClientList): void
  /** Whether any client may use the management listener; without one it knows this machine alone. */
  hasOperators(): boolean
}

/** What an authenticator works with; `verify` is replaced in tests only. */
export interface AuthenticatorParts {
  /** Undefined: no clients file, so callers on this machine are served as `local` and nobody else is. */
  readonly clients: ClientList | undefined
  readonly verify?: (secret: string, expected: SecretHash) => Promise<boolean>
  /** Default: the system's. */
  readonly clock?: Clock
}

const maxProofs = 1000
/** Half of libuv's thread pool: name resolution and file access keep the other half. */
const concurrentChecks = 2
const waitingChecks = 64

/**
 * Builds the check of credentials. scrypt runs once per credential: what was proven is remembered as a keyed digest
 * of the header, never as text. Credentials that are wrong cost one scrypt, also for a user who does not exist;
 * a wrong token costs one per client with a token. An address that sent ten wrong ones within a minute is refused
 * without scrypt until the minute is over, except with credentials that were proven before.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  if (parts.clients === undefined)
    return Object.assign(authenticateLoopback, {
      replaceClients: () => {},
      hasOperators: () => false,
      servesMachineOnly: true as const,
    })
  const { verify = verifySecret, clock = systemClock } = parts
  const limit = createLimiter({ running: concurrentChecks, waiting: waitingChecks })
  const attempts = createFailedAttempts(clock)
  const proofKey = randomBytes(32).toString('base64')
  const proofs = new LRUCache<string, KnownClient>({ max: maxProofs })
  const checks = new Map<string, Promise<Outcome<string>>>()
  const rateLimits = new Map<string, { readonly perSecond: number; readonly limit: RateLimit }>()
  let index: ClientIndex = indexClients(parts.clients, rateLimitOf)
  let hasOperators = parts.clients.clients.some(isOperator)

  /** An edit of the file does not fill the bucket of a client whose limit stays. */
  function rateLimitOf(name: string, perSecond: number): RateLimit {
    const known = rateLimits.get(name)
    if (known?.perSecond === perSecond) return known.limit
    const made = { perSecond, limit: createRateLimit(perSecond, clock) }
    rateLimits.set(name, made)
    return made.limit
  }

  /** Gives the credential that was proven, by its key in the index. */
  async function check(proof: string, credentials: Credentials, address: string): Promise<Outcome<string>> {
    try {
      const key = await limit(async () => {
        // Others from this address may have failed while this one stood in line.
        if (attempts.waitMs(address) > 0) return slowed
        const found = await findCredential(credentials)
        if (found === nobody) attempts.note(address)
        return found
      })
      if (key === undefined) return overloaded
      if (key === slowed) return tooManyAttempts(address)
      if (key === nobody) return wrongCredentials
      // The client may have been taken out, or given another secret, since the check began.
      const known = index.byCredential.get(key)
      if (known === undefined) return wrongCredentials
      proofs.set(proof, known)
      return success(key)
    } catch {
      return failure('internal', 'The credentials could not be checked.')
    } finally {
      checks.delete(proof)
    }
  }

  async function findCredential(credentials: Credentials): Promise<string | typeof nobody> {
    const { byUsername, byToken, unmatchable } = index
    if (credentials.scheme === 'basic') {
      const known = byUsername.get(credentials.username)
      const matches = await verify(credentials.password, known?.expected ?? unmatchable)
      return matches && known !== undefined ? known.key : nobody
    }
    for (const { key, expected } of byToken) {
      if (await verify(credentials.token, expected)) return key
    }
    if (byToken.length === 0) await verify(credentials.token, unmatchable)
    return nobody
  }

  function tooManyAttempts(address: string) {
    const message = 'Too many wrong credentials came from this address.'
    return failure('too_many_attempts', message, { retryAfterMs: Math.max(1, attempts.waitMs(address)) })
  }

  async function checkOnce(
    proof: string,
    credentials: Credentials,
    address: string,
    door: Door,
    certificate: PeerCertificate | undefined,
  ) {
    let running = checks.get(proof)
    if (running === undefined) {
      running = check(proof, credentials, address)
      checks.set(proof, running)
    }
    const checked = await running
    if (!checked.ok) return checked
    const known = index.byCredential.get(checked.value)
    return known === undefined ? wrongCredentials : admit(known, address, door, certificate)
  }

  function admit(
    known: KnownClient,
    address: string,
    door: Door,
    certificate: PeerCertificate | undefined,
  ): Outcome<AuthenticatedClient> {
    const { client, admitted, rateLimit } = known
    if (client.certificate !== undefined) {
      if (certificate === undefined || !matchesRule(client.certificate, certificate)) return otherCertificate
    }
    if (!client.frontends.includes(door)) {
      return failure('client_forbidden', refusals[door])
    }
    if (client.networks !== undefined && !client.networks.contains(address)) return outsideNetworks
    const waitMs = rateLimit === undefined ? 0 : rateLimit.take()
    return waitMs > 0
      ? failure('rate_limited', 'The client asks too often.', { retryAfterMs: waitMs })
      : admitted
  }

  const authenticate: Authenticate = (header, address, door, certificate) => {
    // A connection may outlive the certificate that it was opened with, and so may a resumed session.
    if (certificate !== undefined && certificate.notAfterMs < clock.nowMs()) return expiredCertificate
    if (header === undefined) {
      const known = certificate && index.ofCertificate(certificate)
      if (known !== undefined) return admit(known, address, door, certificate)
      return certificate === undefined ? noCredentials : unknownCertificate
    }
    // A digest with a secret key that never leaves this function. The one-shot hash takes a quarter of the time of an
    // HMAC; what HMAC adds, protection against length extension, matters only where the digest is seen.
    const proof = hash('sha256', proofKey + header, 'base64')
    const proven = proofs.get(proof)
    if (proven !== undefined) return admit(proven, address, door, certificate)
    const credentials = parseAuthorization(header)
    if (credentials === undefined) return malformedCredentials
    if (attempts.waitMs(address) > 0) return tooManyAttempts(address)
    return checkOnce(proof, credentials, address, door, certificate)
  }

  return Object.assign(authenticate, {
    hasOperators: () => hasOperators,
    replaceClients(list: ClientList) {
      const names = new Set(list.clients.map(({ name }) => name))
      for (const name of [...rateLimits.keys()]) if (!names.has(name)) rateLimits.delete(name)
      index = indexClients(list, rateLimitOf)
      hasOperators = list.clients.some(isOperator)
      for (const [proof, { key }] of [...proofs.entries()]) {
        const known = index.byCredential.get(key)
        if (known === undefined) proofs.delete(proof)
        else proofs.set(proof, known)
      }
    },
  })
}

function isOperator({ frontends }: Client): boolean {
  return frontends.includes('management')
}

const refusals: Readonly<Record<Door, string>> = {
  json: 'The client may not use the front end json.',
  radius: 'The client may not use the front end radius.',
  ise: 'The client may not use the front end ise.',
  management: 'The client may not use the management listener.',
}

const nobody = Symbol('nobody')
const slowed = Symbol('slowed')

const noCredentials = failure('unauthenticated', 'The request carries no credentials.')
const malformedCredentials = failure(
  'unauthenticated',
  'The Authorization header holds neither well-formed Basic nor Bearer credentials.',
)
const wrongCredentials = failure('unauthenticated', 'The credentials are wrong.')
const unknownCertificate = failure('unauthenticated', 'No client is known by this certificate alone.')
const expiredCertificate = failure('unauthenticated', 'The certificate of the caller has expired.')
const overloaded = failure('service_overloaded', 'Too many credentials wait to be checked.')
const otherCertificate = failure('client_forbidden', 'The client did not present its certificate.')
const outsideNetworks = failure('client_forbidden', 'The client may not ask from this address.')
const notLocal = failure(
  'client_forbidden',
  'Only callers on the machine of the service are served, because it has no CLIENTS_FILE.',
)
const local = success({ client: 'local' })

const authenticateLoopback: Authenticate = (_header, remoteAddress) =>
  isLoopbackAddress(remoteAddress) ? local : notLocal
