import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { Test } from 'tap'

/**
 * Calls `act` right before this process opens the file the next time in the asynchronous way: something else changes at
 * that moment, without waiting for a guess. Counts how often it was opened in all.
 */
export function beforeOpen(t: Test, file: string, act: (count: number) => void): void {
  const { open } = promises
  let count = 0
  promises.open = (path, ...rest) => {
    if (path === file) {
      count += 1
      act(count)
    }
    return open(path, ...rest)
  }
  syncBuiltinESMExports()
  t.teardown(() => {
    promises.open = open
    syncBuiltinESMExports()
  })
}
