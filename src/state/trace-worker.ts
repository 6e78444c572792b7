import { parentPort, workerData } from 'node:worker_threads'
import { describeStateError, moveAside, type StateFileProblem } from './state-file.ts'
import type { Numbered, StateMessage, StateValue } from './state-messages.ts'
import { standBack } from './thread-priority.ts'
import { TraceDatabase } from './trace-database.ts'
import type { TraceRequest } from './trace-messages.ts'

/** The thread that has the file of traces: nobody else waits for its disk. */
const { file } = workerData as { readonly file: string }

let database: TraceDatabase | undefined
standBack()
open()
parentPort?.on('message', answer)

function say(message: StateMessage): void {
  parentPort?.postMessage(message)
}

/** Opens the file. One that is not ours to use is moved aside; without a file that can be written there is none. */
function open(problemBefore?: StateFileProblem): void {
  let problem = problemBefore
  let movedTo: string | undefined
  for (let attempt = 1; database === undefined && attempt <= 2; attempt += 1) {
    try {
      if (isReplaceable(problem)) {
        movedTo = moveAside(file, Date.now())
        if (movedTo === undefined) break
      }
      database = new TraceDatabase(file)
    } catch (error) {
      problem = describeStateError(error)
      if (!isReplaceable(problem) && problem !== 'busy') break
    }
  }
  say({
    say: 'opened',
    mode: database ? 'read_write' : 'memory_only',
    replaced: problemBefore !== undefined,
    ...(problem && { problem }),
    ...(movedTo !== undefined && { movedTo }),
  })
}

function isReplaceable(problem: StateFileProblem | undefined): boolean {
  return problem === 'corrupt' || problem === 'foreign' || problem === 'newer'
}

function answer(request: Numbered<TraceRequest>): void {
  const { id } = request
  if (request.ask === 'close') {
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
    if (isReplaceable(problem)) replaceDamagedFile(problem)
  }
}

function perform(
  traces: TraceDatabase,
  request: Exclude<TraceRequest, { ask: 'close' }>,
): StateValue | undefined {
  switch (request.ask) {
    case 'append':
      traces.append(request.traces)
      return undefined
    case 'find':
      return traces.find(request.decisionId, request.sinceMs)
    case 'latest':
      return traces.latest(request.devices, request.sinceMs, request.limit)
    case 'prune':
      traces.prune(request.beforeMs, request.maxTraces)
      return undefined
  }
}

/** The damage was found while the file was in use: a new one takes what comes. */
function replaceDamagedFile(problem: StateFileProblem): void {
  try {
    database?.close()
  } catch {
    // It is moved aside all the same.
  }
  database = undefined
  open(problem)
}
