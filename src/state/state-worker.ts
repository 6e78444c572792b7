import { workerData } from 'node:worker_threads'
import { serveDatabase } from './serve-database.ts'
import { openStateDatabase, type StateDatabase, type StateRow } from './state-database.ts'
import type { StateRequest, StateValue } from './state-messages.ts'

/** The thread that has the state file. */
const { file } = workerData as { readonly file: string }
const rowsPerMessage = 1000

let walk: Generator<StateRow> | undefined

serveDatabase<StateDatabase, StateRequest>({ file, open: openStateDatabase, perform, onClose: endWalk })

function perform(state: StateDatabase, request: StateRequest): StateValue | undefined {
  switch (request.ask) {
    case 'rows':
      return nextRows(state)
    case 'write':
      state.write(request.changes, request.nowMs)
      return undefined
    case 'read':
      return state.read(request.key)
    case 'clear':
      endWalk()
      state.clear()
      return undefined
    case 'prune':
      state.prune(request.beforeMs)
      return undefined
    case 'claim':
      return state.claim(request.name, request.nowMs, request.intervalMs)
    case 'put':
      state.putDocument(request.name, request.value, request.writtenAtMs, request)
      return undefined
    case 'get':
      return state.getDocument(request.name, request.knownMs)
    case 'forget':
      state.forgetDocuments(request.prefix, request.but)
      return undefined
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

function endWalk(): void {
  walk?.return(undefined)
  walk = undefined
}
