import type { KeepLater, StateChange } from './state-database.ts'
import type { StateFileProblem } from './state-file.ts'
import type { StoredSlice } from './trace-database.ts'

/** What the store asks of the thread that has the file. */
export type StateRequest =
  /** The next rows of a walk through all of them; none when it is over. */
  | { readonly ask: 'rows' }
  | { readonly ask: 'write'; readonly changes: readonly StateChange[]; readonly nowMs: number }
  | { readonly ask: 'read'; readonly key: string }
  /** Removes every record, whoever wrote it; the documents stay. */
  | { readonly ask: 'clear' }
  | { readonly ask: 'prune'; readonly beforeMs: number }
  | { readonly ask: 'claim'; readonly name: string; readonly nowMs: number; readonly intervalMs: number }
  | ({
      readonly ask: 'put'
      readonly name: string
      readonly value: string
      readonly writtenAtMs: number
    } & KeepLater)
  | { readonly ask: 'get'; readonly name: string; readonly knownMs: number | undefined }
  | { readonly ask: 'forget'; readonly prefix: string; readonly but: string }

/**
 * What every such thread is asked besides. check: whether the path still leads to the file that is open; where it does
 * not, or can be used only now, the thread says `opened` before it answers. Failed: it cannot be known.
 */
export type CommonRequest = { readonly ask: 'check' } | { readonly ask: 'close' }

/** What an answer carries; rows are keys and values by turns, which is cheaper to pass than objects. */
export type StateValue = string | boolean | readonly string[] | StoredSlice

/** A request with the number that its answer carries. */
export type Numbered<Request> = Request & { readonly id: number }

/** What the thread says. `opened` comes first, and again whenever another file is in use from now on. */
export type StateMessage =
  | {
      readonly say: 'opened'
      /** What can be done with the file that is in use now. */
      readonly mode: 'read_write' | 'read_only' | 'memory_only'
      readonly problem?: StateFileProblem
      readonly movedTo?: string
      /** True: an earlier file was in use, and everything in memory has to be written again. */
      readonly replaced: boolean
    }
  | { readonly say: 'done'; readonly id: number; readonly value?: StateValue }
  | { readonly say: 'failed'; readonly id: number; readonly problem: StateFileProblem }
