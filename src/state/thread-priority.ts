import { constants, setPriority } from 'node:os'

/**
 * Lets the thread that calls it stand back where cores are short: decisions do not wait for what is written behind. On
 * Linux niceness belongs to a thread (setpriority(2), "C library/kernel differences"); elsewhere it would be that of the
 * whole process, so nothing is done.
 */
export function standBack(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A sandbox may forbid it. It is a courtesy, and nothing depends on it.
  }
}
