import { stat } from 'node:fs/promises'
import type { Clock } from '../clock.ts'

/**
 * Whether the file system says anything about a path in time, be it that there is nothing. Where it does not, as with a
 * network file system whose server is away, everything that waits for it would hang, and the process with it.
 */
export async function answersInTime(
  path: string,
  limitMs: number,
  clock: Clock,
  look: (path: string) => Promise<unknown> = stat,
): Promise<boolean> {
  let cancel = () => {}
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(false))
  })
  const answered = look(path).then(
    () => true,
    () => true,
  )
  return Promise.race([answered, late]).finally(cancel)
}
