import { Worker } from 'node:worker_threads'
import type { StateFileProblem } from './state-file.ts'
import type { CommonRequest, Numbered, StateMessage, StateRequest, StateValue } from './state-messages.ts'

/** What the thread answers to one request. */
export type StateAnswer =
  | { readonly ok: true; readonly value?: StateValue }
  | { readonly ok: false; readonly problem: StateFileProblem }

export interface StateThreadParts {
  readonly file: string
  /** Which kind of file; the thread's own module in this folder. */
  readonly worker?: 'state-worker' | 'trace-worker'
  readonly onOpened: (opened: Extract<StateMessage, { say: 'opened' }>) => void
  /** The thread has ended without being asked to: nothing is stored any more. */
  readonly onLost: () => void
}

/** The other end of a thread that has a file. */
export interface StateThread<Request = StateRequest> {
  /** Never rejects; `failed` where the thread is gone. */
  ask(request: Request | CommonRequest): Promise<StateAnswer>
  /** Ends the thread at once, whatever it is doing. */
  terminate(): Promise<void>
}

/** Starts the thread. It never keeps the process alive. */
export function startStateThread<Request = StateRequest>({
  file,
  worker: name = 'state-worker',
  onOpened,
  onLost,
}: StateThreadParts): StateThread<Request> {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./${name}.${suffix}`, import.meta.url), {
    workerData: { file },
    // It passes small batches on; a young generation of the usual size would double the memory of a small service.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  })
  worker.unref()
  const waiting = new Map<number, (answer: StateAnswer) => void>()
  let lastId = 0
  let isLost = false

  worker.on('message', (message: StateMessage) => {
    switch (message.say) {
      case 'opened':
        onOpened(message)
        return
      case 'done':
        settle(message.id, { ok: true, ...(message.value !== undefined && { value: message.value }) })
        return
      case 'failed':
        settle(message.id, { ok: false, problem: message.problem })
    }
  })
  worker.on('error', lose)
  worker.on('exit', lose)

  function settle(id: number, answer: StateAnswer): void {
    waiting.get(id)?.(answer)
    waiting.delete(id)
  }

  function lose(): void {
    if (isLost) return
    isLost = true
    for (const id of waiting.keys()) settle(id, { ok: false, problem: 'failed' })
    onLost()
  }

  return {
    ask(request) {
      if (isLost) return Promise.resolve({ ok: false, problem: 'failed' })
      lastId += 1
      const id = lastId
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        worker.postMessage({ ...request, id } satisfies Numbered<Request | CommonRequest>)
      })
    },
    async terminate() {
      await worker.terminate()
    },
  }
}
