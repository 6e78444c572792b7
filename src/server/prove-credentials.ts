import type { Clock } from '../clock.ts'
import { failure } from '../errors/fault.ts'
import type { Credentials } from './authorization-header.ts'
import type { ClientIndex, KnownClient, Secret } from './client-index.ts'
import { type CheckLane, createCredentialChecks } from './credential-checks.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import { createKnownCredentials } from './known-credentials.ts'
import type { SecretHash } from './secret-hash.ts'

/** What a check gives: the client, that there is none, that there was no room to find out, or a fault. */
export type Proof = KnownClient | 'wrong' | 'not_checked' | ReturnType<typeof failure>

/** Finds out whose credentials are: from memory, or by a check when it is its turn. */
export interface Prover {
  /** The digest of a header field, for a memory of one's own. */
  digest(header: string): string
  /**
   * At once for what was proven or found wrong before. Never rejects. Counts what is wrong against the source.
   * `wasRefused`: wrong ones came over the same connection; then they do not wait before those of a new one.
   */
  prove(credentials: Credentials, source: string, wasRefused: boolean): Proof | Promise<Proof>
  /** Forgets what was proven for clients or secrets that are gone. */
  indexChanged(): void
}

export interface ProverParts {
  readonly verify: (secret: string, expected: SecretHash) => Promise<boolean>
  readonly clock: Clock
  readonly attempts: FailedAttempts
  readonly indexNow: () => ClientIndex
}

/** Joins the memory of credentials, the line of checks and the count of those that were wrong. */
export function createProver({ verify, clock, attempts, indexNow }: ProverParts): Prover {
  const runCheck = createCredentialChecks({ clock, isSlow: (source) => attempts.waitMs(source) > 0 })
  const memory = createKnownCredentials(clock)
  const underWay = new Map<string, Promise<Proof>>()

  /** The client that these credentials were proven to be of before, however they were spelt then. */
  function provenClient(credentials: Credentials, digest: string): KnownClient | undefined {
    const keys = keysOf(credentials).map(({ key }) => key)
    const key = keys.find((candidate) => memory.provenFor(candidate) === digest)
    return key === undefined ? undefined : indexNow().byCredential.get(key)
  }

  function keysOf(credentials: Credentials): readonly Secret[] {
    if (credentials.scheme === 'bearer') return indexNow().byToken
    const known = indexNow().byUsername.get(credentials.username)
    return known === undefined ? [] : [known]
  }

  /** Gives the key in the index of the credential that was proven. */
  async function findCredential(credentials: Credentials): Promise<string | undefined> {
    const { unmatchable } = indexNow()
    const secret = credentials.scheme === 'basic' ? credentials.password : credentials.token
    // A token that is not the proven one of a client cannot be that client's. A password is checked all the same: an
    // answer that is quicker for some users would tell who they are.
    const candidates = keysOf(credentials).filter(
      ({ key }) => credentials.scheme === 'basic' || memory.provenFor(key) === undefined,
    )
    for (const { key, expected } of candidates) if (await verify(secret, expected)) return key
    if (candidates.length === 0) await verify(secret, unmatchable)
    return undefined
  }

  async function check(credentials: Credentials, digest: string, lane: CheckLane): Promise<Proof> {
    const { source } = lane
    try {
      const outcome = await runCheck(lane, async () => {
        const index = indexNow()
        // The same credentials may have been proven in another lane meanwhile.
        const known = provenClient(credentials, digest)?.key ?? (await findCredential(credentials))
        if (known !== undefined) return known
        attempts.note(source)
        // By the file that is in force now they may be right.
        if (index === indexNow()) memory.noteWrong(digest)
        return undefined
      })
      if (outcome === 'all_full') return overloaded
      if (outcome === 'lane_full') return 'not_checked'
      const { result: key } = outcome
      // The client may have been taken out, or given another secret, since the check began.
      const known = key === undefined ? undefined : indexNow().byCredential.get(key)
      if (known === undefined) return 'wrong'
      memory.prove(known.key, digest)
      return known
    } catch {
      return failure('internal', 'The credentials could not be checked.')
    }
  }

  /** A lane for each user that there is, and one for all names that nobody has; and again for who was refused before. */
  function laneOf(credentials: Credentials, source: string, wasRefused: boolean): CheckLane {
    const { scheme } = credentials
    const isKnown = scheme === 'basic' && indexNow().byUsername.has(credentials.username)
    const user = isKnown ? `${scheme} ${credentials.username}` : scheme
    return { source, user: wasRefused ? `again ${user}` : user }
  }

  /** One check of the same credentials in the same lane at a time, however many requests wait for it. */
  function checkOnce(credentials: Credentials, digest: string, lane: CheckLane): Promise<Proof> {
    const name = `${lane.source}\n${lane.user}\n${digest}`
    const running = underWay.get(name)
    if (running !== undefined) return running
    const checking = check(credentials, digest, lane).finally(() => underWay.delete(name))
    underWay.set(name, checking)
    return checking
  }

  return {
    digest: (header) => memory.digest(header),
    prove(credentials, source, wasRefused) {
      const digest = memory.digest(credentials)
      const known = provenClient(credentials, digest)
      if (known !== undefined) return known
      if (!memory.isWrong(digest)) {
        return checkOnce(credentials, digest, laneOf(credentials, source, wasRefused))
      }
      attempts.note(source)
      return 'wrong'
    },
    indexChanged: () => memory.keepOnly((key) => indexNow().byCredential.has(key)),
  }
}

const overloaded = failure('service_overloaded', 'Too many credentials wait to be checked.')
