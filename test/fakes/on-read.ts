import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { Test } from 'tap'

/** What else happens when a file is read; `count` says for which time that is. */
export interface AroundReading {
  /** Right before it is opened, which waits for it. */
  readonly before?: (count: number) => Promise<void> | void
  /** Right after it is closed, before whoever reads it goes on. */
  readonly after?: (count: number) => unknown
}

/** Changes something at an exact moment while this process reads a file in the asynchronous way. */
export function onRead(t: Test, file: string, { before, after }: AroundReading): void {
  const { open } = promises
  let opened = 0
  promises.open = async (path, ...rest) => {
    if (path !== file) return open(path, ...rest)
    opened += 1
    const count = opened
    await before?.(count)
    const handle = await open(path, ...rest)
    const close = handle.close.bind(handle)
    handle.close = async () => {
      await close()
      after?.(count)
    }
    return handle
  }
  syncBuiltinESMExports()
  t.teardown(() => {
    promises.open = open
    syncBuiltinESMExports()
  })
}
