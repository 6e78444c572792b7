import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use on the heap after everything that nobody holds has been collected. */
export function usedHeapBytes(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** Bytes of array buffers after everything that nobody holds has been collected. */
export function usedOutsideOfHeapBytes(): number {
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}
