import { ConfidentialClientApplication } from '@azure/msal-node'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { BreakerStatus } from '../compliance/circuit-breaker.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import { type ClientCertificate, checkValidityPeriod } from './client-certificate.ts'
import { describeTokenReply } from './entra-fault.ts'
import { createMsalWire } from './msal-network.ts'
import type { HttpReply, Outbound } from './outbound.ts'
import { type Lease, RefreshedValue } from './refreshed-value.ts'

/** MSAL has no time limit of its own over its (up to three) requests. */
const ACQUISITION_LIMIT_MS = 10_000
const REFRESH_AHEAD_MS = 5 * 60 * 1000

/** A token that is refused right after it was renewed will be refused again: at most one renewal on demand a minute. */
const RENEWAL_INTERVAL_MS = 60_000

export interface TokenSourceOptions {
  /** `https://<login host>/<tenant>`. */
  readonly authorityUrl: string
  readonly clientId: string
  /** Resource URI; `/.default` is put behind it as it stands. */
  readonly audience: string
  /** The certificate, or where to get the one that is in use now. */
  readonly certificate: ClientCertificate | (() => ClientCertificate)
  readonly outbound: Outbound
  readonly clock: Clock
  /** A second look at a new token; a fault makes it as good as none. */
  readonly inspect?: (token: string) => Fault | undefined
  /** Told when a refresh ahead of time fails; the token that is there stays in use. */
  readonly onBackgroundFailure: (fault: Fault) => void
}

/** Access tokens for one resource. */
export interface TokenSource {
  /** A token that is valid now. Never rejects. Faults: `certificate_*`, the network's, `entra_*`, `token_role_missing`. */
  get(): Promise<Outcome<string>>
  /**
   * Another token in place of one that the peer refused, fetched if the last such renewal is a minute ago. The refused one
   * stays in use until there is another: it may have been refused for the sake of one question.
   */
  another(refused: string): Promise<Outcome<string>>
  /** When the token that is there expires or did, milliseconds since the epoch; undefined where there is none. */
  expiresAtMs(): number | undefined
  /** Whether a token can be had now. */
  status(): BreakerStatus
}

/**
 * Tokens from Entra ID by the client credentials grant with a certificate assertion, signed and sent by MSAL. MSAL's
 * cache is not used: it has no single flight, loses a valid token when a proactive refresh fails, and refuses to ask
 * for a minute after one 5xx. So every acquisition has an MSAL application of its own, and this service keeps the token.
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { clock } = options
  const tokens = new RefreshedValue<string>({
    clock,
    fetch: () => acquireToken(options),
    onBackgroundFailure: options.onBackgroundFailure,
  })
  let renewedAtMs = Number.NEGATIVE_INFINITY
  return {
    get: () => tokens.get(),
    expiresAtMs() {
      const { remainingMs } = tokens
      return remainingMs === undefined ? undefined : clock.nowMs() + remainingMs
    },
    status: () => tokens.status,
    async another(refused) {
      const isJustRenewed = clock.monotonicMs() - renewedAtMs < RENEWAL_INTERVAL_MS
      if (tokens.peek() !== refused || isJustRenewed) return tokens.get()
      const renewed = await tokens.renew()
      if (renewed.ok) renewedAtMs = clock.monotonicMs()
      return renewed
    },
  }
}

/** Gets one token, remembering nothing. Never rejects; the faults are those of `TokenSource.get`. */
export async function acquireToken(
  options: Omit<TokenSourceOptions, 'onBackgroundFailure'>,
): Promise<Outcome<Lease<string>>> {
  const { authorityUrl, clientId, audience, outbound, clock } = options
  const certificate = typeof options.certificate === 'function' ? options.certificate() : options.certificate
  const requestedAtMs = clock.monotonicMs()
  const valid = checkValidityPeriod(certificate, clock.nowMs())
  if (!valid.ok) return valid

  const { host } = new URL(authorityUrl)
  const wire = createMsalWire(outbound, clock, ACQUISITION_LIMIT_MS)
  try {
    const application = new ConfidentialClientApplication({
      auth: {
        clientId,
        authority: authorityUrl,
        // With the port, where there is one: MSAL compares it with the authority's. Without this entry it would ask
        // the public cloud about a host that it does not know.
        knownAuthorities: [host],
        clientCertificate: {
          thumbprintSha256: certificate.thumbprintSha256,
          privateKey: certificate.privateKeyPem,
          x5c: certificate.x5cPem,
        },
      },
      system: { networkClient: wire.network, disableInternalRetries: true },
    })
    const result = await application.acquireTokenByClientCredential({
      // A resource with a trailing slash is asked for with two (Entra "Trailing slash and .default").
      scopes: [`${audience}/.default`],
      skipCache: true,
      // MSAL_FORCE_REGION in the environment would send the assertion to another host.
      azureRegion: 'DisableMsalForceRegion',
    })
    const { reply } = wire.last()
    // MSAL takes an error status without an OAuth error in its body for a token reply.
    if (reply && reply.status !== 200) {
      return { ok: false, fault: describeTokenReply(reply, host, clock.nowMs()) }
    }
    const lease = readLease(result?.accessToken, reply, host, requestedAtMs)
    const fault = lease.ok ? options.inspect?.(lease.value.value) : undefined
    return fault ? { ok: false, fault: { ...fault, hop: 'token', host } } : lease
  } catch {
    // MSAL's error is not looked at: untrusted roots, resets and refusals look alike in it. The wire knows.
    const { fault, reply } = wire.last()
    if (fault) return { ok: false, fault }
    if (reply) return { ok: false, fault: describeTokenReply(reply, host, clock.nowMs()) }
    return failure('internal', `no token request could be made to ${host}`, { hop: 'token', host })
  }
}

/** Lifetimes are JSON numbers on the v2 endpoint and strings on v1. */
const Seconds = z.coerce.number().int().positive()
const TokenLifetime = z.object({ expires_in: Seconds, refresh_in: Seconds.optional().catch(undefined) })

/**
 * The lifetime is read from the reply and counted from the request by the monotonic clock; MSAL counts by the time of
 * day, with which a token would live for hours too long or not at all after the clock is set.
 */
function readLease(
  token: string | undefined,
  reply: HttpReply | undefined,
  host: string,
  requestedAtMs: number,
): Outcome<Lease<string>> {
  const lifetime = TokenLifetime.safeParse(JSON.parse(reply?.body ?? 'null')).data
  if (!token || !lifetime) {
    const message = `${host} sent a token reply without a token or its lifetime`
    return failure('entra_reply_malformed', message, { hop: 'token', host, status: reply?.status })
  }
  const lifetimeMs = lifetime.expires_in * 1000
  const refreshInMs = (lifetime.refresh_in ?? lifetime.expires_in) * 1000
  return success({
    value: token,
    // Half the lifetime at the earliest: a token that lives five minutes would be due from its first second.
    refreshAtMs:
      requestedAtMs + Math.max(Math.min(lifetimeMs - REFRESH_AHEAD_MS, refreshInMs), lifetimeMs / 2),
    expiresAtMs: requestedAtMs + lifetimeMs,
  })
}
