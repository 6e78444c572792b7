/**
 * Cuts a long piece of work into slices: what is returned is called once for every step, and gives a promise after
 * each `sliceSize` of them, to be awaited. The event loop has turned when it resolves, so whatever else was waiting has
 * been served. Steps, not time: a slice is the same on every machine, and a test can count them.
 */
export function turnEvery(sliceSize: number): () => Promise<void> | undefined {
  let steps = 0
  return () => {
    steps += 1
    return steps % sliceSize === 0 ? turn() : undefined
  }
}

/** Resolves after one turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
