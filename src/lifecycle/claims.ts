import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import type { ListenerSettings } from '../config/settings.ts'
import { type FileLock, type LockHolder, takeFileLock } from './file-lock.ts'
import { joinStateDirectory } from './instances.ts'
import { StartRefused } from './start-refused.ts'

/** What a service has to itself while it runs, and what it found others to have. */
export interface Claims {
  /** Throws StartRefused where another service writes the same decision log. */
  take(): void
  /** The error of a listener, or StartRefused where another service on the same STATE_DIR has the address. */
  explain(error: unknown): unknown
  release(): void
}

/** What happens at the start that somebody should see. */
export type ClaimNotice =
  | { readonly kind: 'state_shared'; readonly others: readonly LockHolder[] }
  | { readonly kind: 'decision_log_not_locked'; readonly file: string }

export interface ClaimsParts {
  readonly service: ListenerSettings
  /** STATE_DIR. */
  readonly stateDir?: string | undefined
  /** DECISION_LOG_FILE. */
  readonly decisionLogFile?: string | undefined
  readonly clock: Clock
  readonly onNotice: (notice: ClaimNotice) => void
}

/**
 * Recognises a second service on the same files. Replicas may share a STATE_DIR, so that is a notice; two writers of
 * one decision log would break its chain, so the second is refused.
 */
export function createClaims({ service, stateDir, decisionLogFile, clock, onNotice }: ClaimsParts): Claims {
  let others: readonly LockHolder[] = []
  let log: FileLock | undefined
  let leave = () => {}

  function lockDecisionLog(self: LockHolder, file: string): void {
    log = takeFileLock(`${fileBehind(file)}.lock`, self)
    if (log.state === 'unusable') onNotice({ kind: 'decision_log_not_locked', file })
    if (log.state !== 'taken') return
    throw new StartRefused(
      `DECISION_LOG_FILE ${file} is being written by ${describe(log.holder)}. Two writers would break its chain: give each service a file of its own, or stop the other one first.`,
    )
  }

  return {
    take() {
      const since = new Date(clock.nowMs()).toISOString()
      const self = { pid: process.pid, host: hostname(), since, listensOn: `${service.host}:${service.port}` }
      if (decisionLogFile !== undefined) lockDecisionLog(self, decisionLogFile)
      if (stateDir === undefined) return
      const joined = joinStateDirectory(stateDir, self)
      leave = () => joined.leave()
      others = joined.others
      if (others.length > 0) onNotice({ kind: 'state_shared', others })
    },
    explain(error) {
      const { code, port } = error as NodeJS.ErrnoException & { port?: number }
      const same = others.find(({ host, listensOn }) => host === hostname() && listensOn.endsWith(`:${port}`))
      if (code !== 'EADDRINUSE' || same === undefined) return error
      return new StartRefused(
        `The service is running already: port ${port} and STATE_DIR are in use by ${describe(same)}.`,
      )
    },
    release() {
      leave()
      if (log?.state === 'held') log.release()
    },
  }
}

function describe(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another service'
  return `another service (pid ${holder.pid} on ${holder.host}, since ${holder.since})`
}

/** Two names of one file have one lock, whether it is there already or not. */
function fileBehind(file: string): string {
  const absolute = resolve(file)
  try {
    return realpathSync(absolute)
  } catch {
    const folder = dirname(absolute)
    return folder === absolute ? absolute : join(fileBehind(folder), basename(absolute))
  }
}
