import { workerData } from 'node:worker_threads'
import { type OpenedDatabase, serveDatabase } from './serve-database.ts'
import { describeStateError } from './state-file.ts'
import type { StateValue } from './state-messages.ts'
import { TraceDatabase } from './trace-database.ts'
import type { TraceRequest } from './trace-messages.ts'

/** The thread that has the file of traces. */
const { file } = workerData as { readonly file: string }
/** SQLite gives up at once where two processes make one file at the same moment. */
const attempts = 2

serveDatabase<TraceDatabase, TraceRequest>({ file, open, perform })

function open(path: string, attempt = 1): OpenedDatabase<TraceDatabase> {
  try {
    return { database: new TraceDatabase(path), writable: true }
  } catch (error) {
    const problem = describeStateError(error)
    if (problem === 'busy' && attempt < attempts) return open(path, attempt + 1)
    return { writable: false, problem }
  }
}

function perform(traces: TraceDatabase, request: TraceRequest): StateValue | undefined {
  switch (request.ask) {
    case 'append':
      traces.append(request.traces)
      return undefined
    case 'find':
      return traces.find(request.decisionId, request.sinceMs)
    case 'search':
      return traces.search(request.devices, request.search, request.before)
    case 'prune':
      traces.prune(request.beforeMs, request.maxTraces)
      return undefined
  }
}
