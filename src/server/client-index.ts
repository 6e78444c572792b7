import { type Outcome, success } from '../errors/fault.ts'
import type { CertificateRule, Client, ClientList } from './clients.ts'
import type { PeerCertificate } from './peer-certificate.ts'
import type { RateLimit } from './rate-limit.ts'
import { defaultScryptParameters, type SecretHash, unmatchableHash } from './secret-hash.ts'

/** A client as one of its credentials leads to it. */
export interface KnownClient {
  /** Names the credential, its hash included: another secret is another key. */
  readonly key: string
  readonly client: Client
  /** The same for every credential of the client; absent: no limit. */
  readonly rateLimit?: RateLimit
  /** Made once, because it is the answer to every request. */
  readonly admitted: Outcome<{ readonly client: string; readonly scopes?: Client['scopes'] }>
}

/** One credential: what it leads to, and the hash that its secret must have. */
export interface Secret {
  readonly key: string
  readonly expected: SecretHash
}

/** The clients of one file, by what they prove themselves with. */
export interface ClientIndex {
  readonly byCredential: ReadonlyMap<string, KnownClient>
  readonly byUsername: ReadonlyMap<string, Secret>
  readonly byToken: readonly Secret[]
  /** A hash that nobody has, as costly as theirs. */
  readonly unmatchable: SecretHash
  /** The first client that is known by this certificate alone. Compared once per certificate object. */
  ofCertificate(certificate: PeerCertificate): KnownClient | undefined
}

/** Builds the index of one list. `rateLimitOf` gives the bucket of a client, the one it had before where there is one. */
export function indexClients(
  { clients }: ClientList,
  rateLimitOf: (name: string, perSecond: number) => RateLimit,
): ClientIndex {
  const byCredential = new Map<string, KnownClient>()
  const byUsername = new Map<string, Secret>()
  const byToken: Secret[] = []
  const certificateOnly: { readonly rule: CertificateRule; readonly known: KnownClient }[] = []
  for (const client of clients) {
    const { name, basic, bearer, certificate } = client
    const perSecond = client.rateLimitPerSecond
    const shared = {
      client,
      admitted: success({ client: name, ...(client.scopes && { scopes: client.scopes }) }),
      ...(perSecond !== undefined && { rateLimit: rateLimitOf(name, perSecond) }),
    }
    if (basic) {
      const key = JSON.stringify(['basic', basic.username, presentHash(basic.passwordHash)])
      byCredential.set(key, { key, ...shared })
      byUsername.set(basic.username, { key, expected: basic.passwordHash })
    }
    if (bearer) {
      const key = JSON.stringify(['bearer', name, presentHash(bearer.tokenHash)])
      byCredential.set(key, { key, ...shared })
      byToken.push({ key, expected: bearer.tokenHash })
    }
    if (certificate && !basic && !bearer) {
      certificateOnly.push({ rule: certificate, known: { key: name, ...shared } })
    }
  }
  const [sample] = [...byUsername.values(), ...byToken]
  const owners = new WeakMap<PeerCertificate, { readonly known: KnownClient | undefined }>()
  return {
    byCredential,
    byUsername,
    byToken,
    unmatchable: unmatchableHash(sample?.expected.parameters ?? defaultScryptParameters),
    ofCertificate(certificate) {
      const found = owners.get(certificate)
      if (found !== undefined) return found.known
      const known = certificateOnly.find(({ rule }) => matchesRule(rule, certificate))?.known
      owners.set(certificate, { known })
      return known
    },
  }
}

/** True where the certificate is the one that the rule describes. */
export function matchesRule(rule: CertificateRule, certificate: PeerCertificate): boolean {
  if (rule.subject !== undefined && rule.subject !== certificate.subject) return false
  return rule.san === undefined || certificate.alternativeNames.includes(rule.san)
}

function presentHash({ parameters, salt, hash }: SecretHash): string {
  return JSON.stringify([parameters, salt.toString('base64'), hash.toString('base64')])
}
