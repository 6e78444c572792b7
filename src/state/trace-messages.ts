import type { StoredSearch, StoredTrace } from './trace-database.ts'

/** What is asked of the thread that has the file of traces; it answers as that of the state does. */
export type TraceRequest =
  | { readonly ask: 'append'; readonly traces: readonly StoredTrace[] }
  | { readonly ask: 'find'; readonly decisionId: string; readonly sinceMs: number }
  | {
      /** One slice of a search. */
      readonly ask: 'search'
      readonly devices: readonly string[] | undefined
      readonly search: StoredSearch
      readonly before: number | undefined
    }
  | { readonly ask: 'prune'; readonly beforeMs: number; readonly maxTraces: number }
