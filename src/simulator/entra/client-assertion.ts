import { createHash, X509Certificate } from 'node:crypto'
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import type { RegisteredApp } from '../state/apps.ts'
import type { Refusal } from './entra-error.ts'

/** An assertion that was taken apart and not yet believed. */
export interface DecodedAssertion {
  readonly jwt: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** Entra tolerates clocks that are this far apart. */
const skewSeconds = 300

/** Takes a JWT apart; undefined when it is none. */
export function decodeAssertion(jwt: string): DecodedAssertion | undefined {
  try {
    return { jwt, header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) }
  } catch {
    return undefined
  }
}

/** What an assertion is judged against. */
export interface AssertionContext {
  readonly app: RegisteredApp
  readonly acceptedAudiences: readonly string[]
  readonly nowMs: number
}

/**
 * Judges a client assertion as Entra does: registered certificate found by thumbprint and in date, signature, issuer and
 * subject, lifetime, audience ("Microsoft identity platform application authentication certificate credentials").
 * Undefined when it is good.
 */
export async function refuseAssertion(
  assertion: DecodedAssertion,
  context: AssertionContext,
): Promise<Refusal | undefined> {
  return (
    refuseIssuer(assertion, context) ??
    (await refuseSignature(assertion, context)) ??
    refuseLifetime(assertion, context) ??
    refuseAudience(assertion, context)
  )
}

function refuseIssuer({ claims }: DecodedAssertion, { app }: AssertionContext): Refusal | undefined {
  if (lower(claims.iss) === app.clientId && lower(claims.sub) === app.clientId) return undefined
  return {
    aadsts: 700021,
    text: "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
  }
}

async function refuseSignature(
  { jwt, header }: DecodedAssertion,
  { app, nowMs }: AssertionContext,
): Promise<Refusal | undefined> {
  const algorithm = header.alg
  if (algorithm !== 'RS256' && algorithm !== 'PS256') {
    return { aadsts: 50027, text: 'JWT token is invalid or malformed.' }
  }
  const certificates = app.certificatesPem.map((pem) => new X509Certificate(pem))
  const certificate = certificates.find((candidate) => isNamedBy(candidate, header))
  const clientThumbprint = hexOf(header['x5t#S256'] ?? header.x5t)
  if (certificate === undefined) {
    return invalidSignature(
      `The key was not found., Thumbprint of key used by client: '${clientThumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${app.clientId}'.`,
    )
  }
  if (nowMs > certificate.validToDate.getTime() || nowMs < certificate.validFromDate.getTime()) {
    const [start, end] = [certificate.validFromDate, certificate.validToDate].map((date) =>
      date.toISOString(),
    )
    return invalidSignature(
      `The key used is expired., Thumbprint of key used by client: '${clientThumbprint}', Found key 'Start=${start}, End=${end}'`,
    )
  }
  try {
    await compactVerify(jwt, certificate.publicKey, { algorithms: [algorithm] })
    return undefined
  } catch {
    return invalidSignature(
      `Key was found, but use of the key to verify the signature failed., Thumbprint of key used by client: '${clientThumbprint}'`,
    )
  }
}

function invalidSignature(reason: string): Refusal {
  return { aadsts: 700027, text: `Client assertion contains an invalid signature. [Reason - ${reason}]` }
}

/** Every thumbprint that the header carries has to name this certificate, and at least one has to be there. */
function isNamedBy(certificate: X509Certificate, header: DecodedAssertion['header']): boolean {
  const named = [
    ['x5t', 'sha1'],
    ['x5t#S256', 'sha256'],
  ].filter(([member = '']) => header[member] !== undefined)
  return (
    named.length > 0 &&
    named.every(([member = '', hash = '']) => {
      return base64Url(header[member]) === createHash(hash).update(certificate.raw).digest('base64url')
    })
  )
}

/** ISE writes `x5t` in standard base64 with padding, MSAL in base64url. */
function base64Url(value: unknown): string {
  return String(value).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

function hexOf(value: unknown): string {
  return Buffer.from(base64Url(value ?? ''), 'base64url')
    .toString('hex')
    .toUpperCase()
}

function refuseLifetime({ claims }: DecodedAssertion, { nowMs }: AssertionContext): Refusal | undefined {
  const { exp, nbf } = claims
  if (typeof exp !== 'number') return { aadsts: 50027, text: 'JWT token is invalid or malformed.' }
  const nowSeconds = nowMs / 1000
  const notYet = typeof nbf === 'number' && nowSeconds < nbf - skewSeconds
  if (!notYet && nowSeconds <= exp + skewSeconds) return undefined
  const validFrom = typeof nbf === 'number' ? isoSeconds(nbf) : '(not given)'
  return {
    aadsts: 700024,
    text: `Client assertion is not within its valid time range. Current time: ${isoSeconds(nowSeconds)}, assertion valid from ${validFrom}, expiry time of assertion ${isoSeconds(exp)}. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .`,
  }
}

function isoSeconds(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

function refuseAudience(
  { claims }: DecodedAssertion,
  { acceptedAudiences }: AssertionContext,
): Refusal | undefined {
  if (acceptedAudiences.includes(lower(claims.aud))) return undefined
  return {
    aadsts: 700023,
    text: 'Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .',
  }
}

function lower(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : ''
}
