import { LRUCache } from 'lru-cache'
import { type Clock, systemClock } from '../clock.ts'
import { type Fault, failure, success } from '../errors/fault.ts'
import { isLoopbackAddress } from '../networks/networks.ts'
import { parseAuthorization } from './authorization-header.ts'
import { type ClientIndex, indexClients, type KnownClient, matchesRule } from './client-index.ts'
import type { Client, ClientList, Door } from './clients.ts'
import { createFailedAttempts, sourceOf } from './failed-attempts.ts'
import type { ManagementScope } from './management-scopes.ts'
import type { PeerCertificate } from './peer-certificate.ts'
import { createProver, type Proof } from './prove-credentials.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { type SecretHash, verifySecret } from './secret-hash.ts'

/** Who asks: the client's name in the clients file, or `local`. */
export interface AuthenticatedClient {
  readonly client: string
  /** What it may do on the management listener; absent: nothing. */
  readonly scopes?: readonly ManagementScope[] | undefined
}

/** Who asks, or why they may not; then `client` is who it is all the same, where credentials have proven it. */
export type Authentication =
  | { readonly ok: true; readonly value: AuthenticatedClient }
  | { readonly ok: false; readonly fault: Fault; readonly client?: string }

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
    /** The same object for all requests of one connection. */
    connection?: object,
  ): Authentication | Promise<Authentication>
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
/** Wrong credentials of a source that sends many of them are answered this long after they came, whoever they are of. */
const slowAnswerMs = 1000
const maxHeld = 4096

/**
 * Builds the check of credentials. scrypt runs once per credential: what was proven is remembered, and is admitted at
 * once whatever else comes from the same address. Everything else is checked, in turn by source and user
 * (credential-checks.ts), and admitted if it is right. What is wrong costs one scrypt, also for a user who does not
 * exist; a wrong token one per client whose token was not proven yet. After ten wrong ones of a source within a minute
 * its wrong credentials, and those that found no room to be checked, are answered a second later as too_many_attempts:
 * that depends on the source alone, so that it says nothing about which users there are.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  if (parts.clients === undefined)
    return Object.assign(authenticateLoopback, {
      replaceClients: () => {},
      hasOperators: () => false,
      servesMachineOnly: true as const,
    })
  const { verify = verifySecret, clock = systemClock } = parts
  const attempts = createFailedAttempts(clock)
  const prover = createProver({ verify, clock, attempts, indexNow: () => index })
  const proofs = new LRUCache<string, KnownClient>({ max: maxProofs })
  const refusedConnections = new WeakSet<object>()
  const rateLimits = new Map<string, { readonly perSecond: number; readonly limit: RateLimit }>()
  let index: ClientIndex = indexClients(parts.clients, rateLimitOf)
  let hasOperators = parts.clients.clients.some(isOperator)
  let held = 0

  /** An edit of the file does not fill the bucket of a client whose limit stays. */
  function rateLimitOf(name: string, perSecond: number): RateLimit {
    const known = rateLimits.get(name)
    if (known?.perSecond === perSecond) return known.limit
    const made = { perSecond, limit: createRateLimit(perSecond, clock) }
    rateLimits.set(name, made)
    return made.limit
  }

  async function refuse(
    found: 'wrong' | 'not_checked',
    source: string,
    arrivedMs: number,
  ): Promise<Authentication> {
    if (found === 'wrong' && attempts.waitMs(source) === 0) return wrongCredentials
    if (held < maxHeld) {
      held += 1
      const leftMs = arrivedMs + slowAnswerMs - clock.monotonicMs()
      if (leftMs > 0) await new Promise<void>((resolve) => clock.after(leftMs, resolve))
      held -= 1
    }
    const message = 'Too many wrong credentials came from this address.'
    return failure('too_many_attempts', message, { retryAfterMs: Math.max(1000, attempts.waitMs(source)) })
  }

  function admit(
    known: KnownClient,
    address: string,
    door: Door,
    certificate: PeerCertificate | undefined,
  ): Authentication {
    const refusal = refusalOf(known, address, door, certificate)
    return refusal === undefined ? known.admitted : { ...refusal, client: known.client.name }
  }

  function refusalOf(
    { client, rateLimit }: KnownClient,
    address: string,
    door: Door,
    certificate: PeerCertificate | undefined,
  ): ReturnType<typeof failure> | undefined {
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
      : undefined
  }

  const authenticate: Authenticate = (header, address, door, certificate, connection) => {
    // A connection may outlive the certificate that it was opened with, and so may a resumed session.
    if (certificate !== undefined && certificate.notAfterMs < clock.nowMs()) return expiredCertificate
    if (header === undefined) {
      const known = certificate && index.ofCertificate(certificate)
      if (known !== undefined) return admit(known, address, door, certificate)
      return certificate === undefined ? noCredentials : unknownCertificate
    }
    const proof = prover.digest(header)
    const proven = proofs.get(proof)
    if (proven !== undefined) return admit(proven, address, door, certificate)
    const credentials = parseAuthorization(header)
    if (credentials === undefined) return malformedCredentials
    const source = sourceOf(address, certificate)
    const arrivedMs = clock.monotonicMs()
    const settle = (found: Proof) => {
      if (found === 'wrong' || found === 'not_checked') {
        if (connection !== undefined && found === 'wrong') refusedConnections.add(connection)
        return refuse(found, source, arrivedMs)
      }
      if ('ok' in found) return found
      proofs.set(proof, found)
      return admit(found, address, door, certificate)
    }
    const wasRefused = connection !== undefined && refusedConnections.has(connection)
    const found = prover.prove(credentials, source, wasRefused)
    return found instanceof Promise ? found.then(settle) : settle(found)
  }

  return Object.assign(authenticate, {
    hasOperators: () => hasOperators,
    replaceClients(list: ClientList) {
      const names = new Set(list.clients.map(({ name }) => name))
      for (const name of [...rateLimits.keys()]) if (!names.has(name)) rateLimits.delete(name)
      index = indexClients(list, rateLimitOf)
      hasOperators = list.clients.some(isOperator)
      prover.indexChanged()
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

const noCredentials = failure('unauthenticated', 'The request carries no credentials.')
const malformedCredentials = failure(
  'unauthenticated',
  'The Authorization header holds neither well-formed Basic nor Bearer credentials.',
)
const wrongCredentials = failure('unauthenticated', 'The credentials are wrong.')
const unknownCertificate = failure('unauthenticated', 'No client is known by this certificate alone.')
const expiredCertificate = failure('unauthenticated', 'The certificate of the caller has expired.')
const otherCertificate = failure('client_forbidden', 'The client did not present its certificate.')
const outsideNetworks = failure('client_forbidden', 'The client may not ask from this address.')
const notLocal = failure(
  'client_forbidden',
  'Only callers on the machine of the service are served, because it has no CLIENTS_FILE.',
)
const local = success({ client: 'local' })

const authenticateLoopback: Authenticate = (_header, remoteAddress) =>
  isLoopbackAddress(remoteAddress) ? local : notLocal
