import { hash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Credentials } from './authorization-header.ts'

/** What is remembered of credentials that were checked: digests with a secret key, never a text. */
export interface KnownCredentials {
  /** The digest of a header field or of credentials in their one form. */
  digest(header: string | Credentials): string
  /** The digest of the secret that was proven for this key of the client index; undefined: none was yet. */
  provenFor(key: string): string | undefined
  prove(key: string, digest: string): void
  /** Whether the same credentials were found wrong within the last minute. */
  isWrong(digest: string): boolean
  noteWrong(digest: string): void
  /** Forgets what was proven for keys that are no longer in the index, and what was wrong for the one before. */
  keepOnly(isKey: (key: string) => boolean): void
}

/** A caller with an old password asks again and again: one check a minute finds out that nothing has changed. */
const wrongForMs = 60_000
const maxWrong = 1000

/** Remembers one secret for each key, of which there are as many as the clients file has credentials. */
export function createKnownCredentials(clock: Clock): KnownCredentials {
  const secretKey = randomBytes(32).toString('base64')
  const proven = new Map<string, string>()
  const wrong = new LRUCache<string, number>({ max: maxWrong })
  return {
    // The one-shot hash takes a quarter of the time of an HMAC; what HMAC adds, protection against length extension,
    // matters only where the digest is seen.
    digest: (header) =>
      hash('sha256', secretKey + (typeof header === 'string' ? header : textOf(header)), 'base64'),
    provenFor: (key) => proven.get(key),
    prove(key, digest) {
      proven.set(key, digest)
    },
    isWrong: (digest) => clock.monotonicMs() < (wrong.get(digest) ?? 0),
    noteWrong(digest) {
      wrong.set(digest, clock.monotonicMs() + wrongForMs)
    },
    keepOnly(isKey) {
      for (const key of [...proven.keys()]) if (!isKey(key)) proven.delete(key)
      wrong.clear()
    },
  }
}

/** The same for every spelling of one header field: the check itself normalises in the same way. */
function textOf(credentials: Credentials): string {
  if (credentials.scheme === 'bearer') return JSON.stringify(['bearer', credentials.token])
  return JSON.stringify(['basic', credentials.username, credentials.password.normalize('NFC')])
}
