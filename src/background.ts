import type { Clock } from './clock.ts'

/** What goes on behind answers, by its part of the service: a closed list, because it is a label of a metric. */
export type BackgroundTask =
  | 'authentication'
  | 'client_certificate'
  | 'decision_log'
  | 'discovery'
  | 'doctor'
  | 'file_watch'
  | 'followed_file'
  | 'forget_old_records'
  | 'graph_details'
  | 'lab'
  | 'lookup'
  | 'mass_flip_guard'
  | 'noncompliant_list'
  | 'refresh'
  | 'service_tls'
  | 'state_file'
  | 'trace_file'
  | 'unknown'
  | 'warm_up'

/** A defect in work that nobody waits for. Expected failures are values, and end in an Outcome instead. */
export interface BackgroundFailure {
  readonly task: BackgroundTask
  readonly error: unknown
}

type Listener = (failure: BackgroundFailure) => void

const listeners = new Set<Listener>()

/**
 * Starts work that nobody waits for; the one way to do so, because Node ends the process where a promise rejects and
 * nobody looks. Never throws and never rejects: what the work throws is told to the listeners. `afterwards` is called
 * however it has ended, so that what goes in rounds goes on.
 */
export function inBackground(task: BackgroundTask, work: () => unknown, afterwards?: () => void): void {
  run(work)
    .catch((error: unknown) => noteBackgroundFailure(task, error))
    .then(() => afterwards?.())
    .catch((error: unknown) => noteBackgroundFailure(task, error))
}

/** Tells of an exception that was caught and turned into a value, so that the defect behind it is seen all the same. */
export function noteBackgroundFailure(task: BackgroundTask, error: unknown): void {
  if (listeners.size === 0) process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  for (const listener of listeners) {
    try {
      listener({ task, error })
    } catch (second) {
      process.emitWarning(second instanceof Error ? second : new Error(String(second)))
    }
  }
}

/** Calls `listener` for every failure until the returned function is called. Without any they are warnings of Node. */
export function onBackgroundFailure(listener: Listener): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/**
 * Does something again and again, `intervalMs` after the round before has ended and however that was, until the returned
 * function is called.
 */
export function repeatInBackground(
  task: BackgroundTask,
  clock: Clock,
  intervalMs: number,
  round: () => unknown,
): () => void {
  let isOver = false
  let cancel = () => {}
  const next = () => {
    if (!isOver) cancel = clock.after(intervalMs, () => inBackground(task, round, next))
  }
  next()
  return () => {
    isOver = true
    cancel()
  }
}

async function run(work: () => unknown): Promise<void> {
  await work()
}
