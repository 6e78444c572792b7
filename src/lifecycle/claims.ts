import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import type { ListenerSettings } from '../config/settings.ts'
import { answersInTime } from '../files/answers-in-time.ts'
import { problemOfLogFile } from '../files/log-file-problem.ts'
import { type FileLock, type LockHolder, takeFileLock } from './file-lock.ts'
import { type Instances, joinStateDirectory } from './instances.ts'
import { StartRefused } from './start-refused.ts'

/** What a service has to itself while it runs, and what it found others to have. */
export interface Claims {
  /**
   * Rejects with StartRefused where another service writes the same decision log, or that is no file, or its directory does
   * not answer.
   */
  take(): Promise<void>
  /**
   * Looks whether the locks still are where others look for them, and takes them again where they were deleted. Never
   * rejects.
   */
  check(): Promise<void>
  /** Who has taken the decision log since, where its lock was deleted; undefined where nobody has. */
  decisionLogTakenBy(): string | undefined
  /** The error of a listener, or StartRefused where another service on the same STATE_DIR has the address. */
  explain(error: unknown): unknown
  release(): void
}

/** What happens at the start that somebody should see. */
export type ClaimNotice =
  | { readonly kind: 'state_shared'; readonly others: readonly LockHolder[] }
  | { readonly kind: 'decision_log_not_locked'; readonly file: string }
  /** The lock was deleted while the service runs: another one has the decision log now, or it was taken again. */
  | { readonly kind: 'decision_log_taken'; readonly file: string; readonly by: string }
  | { readonly kind: 'lock_taken_again'; readonly file: string }
  /** The file system of STATE_DIR does not answer: who else uses it is not known. */
  | { readonly kind: 'state_dir_silent'; readonly directory: string }

export interface ClaimsParts {
  readonly service: ListenerSettings
  /** STATE_DIR. */
  readonly stateDir?: string | undefined
  /** DECISION_LOG_FILE. */
  readonly decisionLogFile?: string | undefined
  readonly clock: Clock
  readonly onNotice: (notice: ClaimNotice) => void
}

/** A disk that answers does so at once. */
const answerLimitMs = 3000

/**
 * Recognises a second service on the same files. Replicas may share a STATE_DIR, so that is a notice; two writers of
 * one decision log would break its chain, so the second is refused.
 */
export function createClaims({ service, stateDir, decisionLogFile, clock, onNotice }: ClaimsParts): Claims {
  const since = new Date(clock.nowMs()).toISOString()
  const self = { pid: process.pid, host: hostname(), since, listensOn: `${service.host}:${service.port}` }
  let log: FileLock | undefined
  let instances: Instances | undefined

  async function lockDecisionLog(file: string): Promise<void> {
    await checkLogFile(file)
    log = takeFileLock(await lockOf(file), self)
    if (log.state === 'unusable') onNotice({ kind: 'decision_log_not_locked', file })
    if (log.state !== 'taken') return
    throw new StartRefused(
      `DECISION_LOG_FILE ${file} is being written by ${describe(log.holder)}. Two writers would break its chain: give each service a file of its own, or stop the other one first.`,
    )
  }

  async function checkLogFile(file: string): Promise<void> {
    if (!(await answersInTime(file, answerLimitMs, clock))) {
      throw new StartRefused(
        `DECISION_LOG_FILE ${file}: its file system does not answer. Is it on a network drive that is away?`,
      )
    }
    const problem = problemOfLogFile(file)
    if (problem !== undefined)
      throw new StartRefused(`DECISION_LOG_FILE ${problem}`, { isConfiguration: true })
  }

  /** Another path than before where a link is switched; the lock of a file that is gone does not keep anybody out. */
  async function lockDecisionLogAgain(file: string): Promise<void> {
    const before = log
    const path = await lockOf(file)
    if (before === undefined || before.state === 'unusable') return
    if (before.state === 'held' && (await before.isAt(path))) return
    const now = takeFileLock(path, self, 0)
    // Where the directory is gone it is made again with the file, and the lock taken then.
    if (now.state === 'unusable') return
    if (before.state === 'held') before.release()
    log = now
    if (now.state === 'held') onNotice({ kind: 'lock_taken_again', file: path })
    else if (before.state === 'held') onNotice({ kind: 'decision_log_taken', file, by: describe(now.holder) })
  }

  return {
    async take() {
      if (decisionLogFile !== undefined) await lockDecisionLog(decisionLogFile)
      if (stateDir === undefined) return
      if (!(await answersInTime(stateDir, answerLimitMs, clock))) {
        onNotice({ kind: 'state_dir_silent', directory: stateDir })
        return
      }
      instances = joinStateDirectory(stateDir, self)
      const { others } = instances
      if (others.length > 0) onNotice({ kind: 'state_shared', others })
    },
    async check() {
      if (decisionLogFile !== undefined) await lockDecisionLogAgain(decisionLogFile)
      if (stateDir === undefined || instances === undefined) return
      if (await instances.check()) onNotice({ kind: 'lock_taken_again', file: stateDir })
    },
    decisionLogTakenBy: () => (log?.state === 'taken' ? describe(log.holder) : undefined),
    explain(error) {
      const others = instances?.others ?? []
      const { code, port } = error as NodeJS.ErrnoException & { port?: number }
      const same = others.find(({ host, listensOn }) => host === hostname() && listensOn.endsWith(`:${port}`))
      if (code !== 'EADDRINUSE' || same === undefined) return error
      return new StartRefused(
        `The service is running already: port ${port} and STATE_DIR are in use by ${describe(same)}.`,
      )
    },
    release() {
      instances?.leave()
      if (log?.state === 'held') log.release()
    },
  }
}

function describe(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another service'
  return `another service (pid ${holder.pid} on ${holder.host}, since ${holder.since})`
}

async function lockOf(file: string): Promise<string> {
  return `${await fileBehind(file)}.lock`
}

/** Two names of one file have one lock, whether it is there already or not. */
async function fileBehind(file: string): Promise<string> {
  const absolute = resolve(file)
  try {
    return await realpath(absolute)
  } catch {
    const folder = dirname(absolute)
    return folder === absolute ? absolute : join(await fileBehind(folder), basename(absolute))
  }
}
