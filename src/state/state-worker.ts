import { parentPort, workerData } from 'node:worker_threads'
import { openStateDatabase, type StateDatabase, type StateRow } from './state-database.ts'
import { describeStateError, moveAside, type StateFileProblem } from './state-file.ts'
import type { NumberedRequest, StateMessage, StateValue } from './state-messages.ts'
import { standBack } from './thread-priority.ts'

/**
 * The thread that has the state file. SQLite in Node waits for the disk and for other processes; here nobody waits
 * with it.
 */
const { file } = workerData as { readonly file: string }
const rowsPerMessage = 1000

let database: StateDatabase | undefined
let walk: Generator<StateRow> | undefined
standBack()
open()
parentPort?.on('message', answer)

function say(message: StateMessage): void {
  parentPort?.postMessage(message)
}

/** Opens the file. One that is not ours to use is moved aside, and a new one is made in its place. */
function open(): void {
  const found = openStateDatabase(file)
  if (found.database === undefined && isReplaceable(found.problem)) {
    replace(found.problem, false)
    return
  }
  database = found.database
  say({
    say: 'opened',
    mode: found.writable ? 'read_write' : found.database ? 'read_only' : 'memory_only',
    replaced: false,
    ...(found.problem && { problem: found.problem }),
  })
}

/** Moves the file aside and makes a new one; without either there is none. */
function replace(problem: StateFileProblem | undefined, wasInUse: boolean): void {
  const movedTo = moveAside(file, Date.now())
  const made = movedTo === undefined ? { writable: false } : openStateDatabase(file)
  database = made.writable ? made.database : undefined
  say({
    say: 'opened',
    mode: made.writable ? 'read_write' : 'memory_only',
    replaced: wasInUse,
    ...(problem && { problem }),
    ...(movedTo !== undefined && { movedTo }),
  })
}

function isReplaceable(problem: StateFileProblem | undefined): boolean {
  return problem === 'corrupt' || problem === 'foreign' || problem === 'newer'
}

function answer(request: NumberedRequest): void {
  const { id } = request
  if (request.ask === 'close') {
    walk?.return(undefined)
    database?.close()
    say({ say: 'done', id })
    parentPort?.close()
    return
  }
  if (database === undefined) {
    say({ say: 'failed', id, problem: 'unusable' })
    return
  }
  try {
    const value = perform(database, request)
    say({ say: 'done', id, ...(value !== undefined && { value }) })
  } catch (error) {
    const problem = describeStateError(error)
    say({ say: 'failed', id, problem })
    if (problem === 'corrupt') replaceDamagedFile()
  }
}

function perform(
  state: StateDatabase,
  request: Exclude<NumberedRequest, { ask: 'close' }>,
): StateValue | undefined {
  switch (request.ask) {
    case 'rows':
      return nextRows(state)
    case 'write':
      state.write(request.changes, request.nowMs)
      return undefined
    case 'read':
      return state.read(request.key)
    case 'clear':
      walk?.return(undefined)
      walk = undefined
      state.clear()
      return undefined
    case 'prune':
      state.prune(request.beforeMs)
      return undefined
    case 'claim':
      return state.claim(request.name, request.nowMs, request.intervalMs)
    case 'put':
      state.putDocument(request.name, request.value, request.writtenAtMs)
      return undefined
    case 'get':
      return state.getDocument(request.name, request.knownMs)
  }
}

/** In pieces that are asked for: the main thread is never sent more than it has taken in. */
function nextRows(state: StateDatabase): string[] {
  walk ??= state.rows()
  const rows: string[] = []
  while (rows.length < 2 * rowsPerMessage) {
    const { value, done } = walk.next()
    if (done) break
    rows.push(value.key, value.value)
  }
  if (rows.length === 0) walk = undefined
  return rows
}

/** The damage was found while the file was in use: what is in memory goes into a new one. */
function replaceDamagedFile(): void {
  try {
    database?.close()
  } catch {
    // It is moved aside all the same.
  }
  walk = undefined
  replace('corrupt', true)
}
