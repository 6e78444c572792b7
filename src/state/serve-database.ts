import { parentPort } from 'node:worker_threads'
import { DatabaseFiles } from './database-files.ts'
import { describeStateError, moveAside, type StateFileProblem } from './state-file.ts'
import type { CommonRequest, Numbered, StateMessage, StateValue } from './state-messages.ts'
import { standBack } from './thread-priority.ts'

/** What became of a file that was to be opened. */
export interface OpenedDatabase<Database> {
  readonly database?: Database
  readonly writable: boolean
  /** What was wrong with the file that was found. */
  readonly problem?: StateFileProblem
}

export interface ServedDatabase<Database, Request> {
  readonly file: string
  /** Opens the file. Never throws. */
  readonly open: (file: string) => OpenedDatabase<Database>
  /** Does what is asked; may throw. */
  readonly perform: (database: Database, request: Request) => StateValue | undefined
  /** What was going on with the file is over. */
  readonly onClose?: () => void
}

/**
 * The thread that has a file: opens it, does what is asked, and sees to it that the file is the one that the path leads
 * to. One that is not ours to use is moved aside, and one that is gone is made again. SQLite in Node waits for the disk and
 * for other processes; here nobody waits with it.
 */
export function serveDatabase<Database extends { close(): void }, Request extends { readonly ask: string }>({
  file,
  open,
  perform,
  onClose,
}: ServedDatabase<Database, Request>): void {
  const files = new DatabaseFiles(file)
  let opened: OpenedDatabase<Database> = { writable: false }
  standBack()
  say(openAgain({ replaced: false }))
  parentPort?.on('message', answer)

  function say(message: StateMessage): void {
    parentPort?.postMessage(message)
  }

  /** Opens what is there. Where that is not ours to use, it is moved aside and a new file is made. */
  function openAgain({
    replaced,
    problem: known,
  }: {
    readonly replaced: boolean
    readonly problem?: StateFileProblem
  }): Extract<StateMessage, { say: 'opened' }> {
    let problem = known
    let movedTo: string | undefined
    if (!isReplaceable(known)) {
      opened = files.opening(() => open(file))
      problem = opened.problem ?? known
    }
    if (opened.database === undefined && isReplaceable(problem)) {
      movedTo = moveAside(file, Date.now())
      if (movedTo !== undefined) opened = files.opening(() => open(file))
    }
    return {
      say: 'opened',
      mode: modeOf(opened),
      replaced,
      ...(problem && { problem }),
      ...(movedTo !== undefined && { movedTo }),
    }
  }

  function close(): void {
    onClose?.()
    try {
      opened.database?.close()
    } catch {
      // Whatever is wrong with it, it is not used any more.
    }
    opened = { writable: false }
  }

  function answer(request: Numbered<Request | CommonRequest>): void {
    const { id } = request
    if (request.ask === 'close') {
      close()
      say({ say: 'done', id })
      parentPort?.close()
      return
    }
    if (request.ask === 'check') {
      const problem = check()
      say(problem === undefined ? { say: 'done', id } : { say: 'failed', id, problem })
      return
    }
    if (opened.database === undefined) {
      say({ say: 'failed', id, problem: opened.problem ?? 'unusable' })
      return
    }
    try {
      const value = perform(opened.database, request as Request)
      say({ say: 'done', id, ...(value !== undefined && { value }) })
    } catch (error) {
      const problem = describeStateError(error)
      say({ say: 'failed', id, problem })
      if (!isReplaceable(problem)) return
      close()
      say(openAgain({ replaced: true, problem }))
    }
  }

  /** Looks whether the file is still there, or can be used by now. Gives what keeps that from being known. */
  function check(): StateFileProblem | undefined {
    if (!opened.writable) {
      tryAgain()
      return undefined
    }
    const change = files.change()
    if (change === undefined) return undefined
    if (change === 'unknown') return 'unusable'
    close()
    say(openAgain({ replaced: true, problem: change === 'replaced' ? 'replaced' : 'corrupt' }))
    return undefined
  }

  /** A directory that was not mounted, or not writable, may be by now. */
  function tryAgain(): void {
    const before = opened
    const mode = modeOf(before)
    const again = openAgain({ replaced: true })
    if (again.mode === mode) {
      if (opened !== before) opened.database?.close()
      opened = before
      return
    }
    onClose?.()
    before.database?.close()
    say(again)
  }
}

function modeOf({ database, writable }: OpenedDatabase<unknown>): 'read_write' | 'read_only' | 'memory_only' {
  if (writable) return 'read_write'
  return database === undefined ? 'memory_only' : 'read_only'
}

function isReplaceable(problem: StateFileProblem | undefined): boolean {
  return problem === 'corrupt' || problem === 'foreign' || problem === 'newer'
}
