/** Runs the task when there is room for it; undefined when as many as may wait are waiting already. */
export type Limiter = <T>(task: () => Promise<T>) => Promise<T> | undefined

/** At most `running` tasks at once and `waiting` more in line, first come first served. */
export function createLimiter(limits: { readonly running: number; readonly waiting: number }): Limiter {
  let running = 0
  const line: (() => void)[] = []

  async function run<T>(task: () => Promise<T>): Promise<T> {
    if (running >= limits.running) {
      // Whoever leaves hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => line.push(resolve))
    } else {
      running += 1
    }
    try {
      return await task()
    } finally {
      const next = line.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  return (task) => (running >= limits.running && line.length >= limits.waiting ? undefined : run(task))
}
