import { turnEvery } from './turn-every.ts'

/** Half a millisecond to sort natively. */
const runLength = 1000
/** Half a millisecond to merge. */
const mergedPerTurn = 4000

/**
 * Sorts into a new array without standing still: short runs by the engine, then merged two by two, with turns of the
 * event loop in between. As stable as Array.prototype.sort.
 */
export async function sortInSlices<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Promise<readonly T[]> {
  const nextRun = turnEvery(1)
  let runs: T[][] = []
  for (let start = 0; start < items.length; start += runLength) {
    runs.push(items.slice(start, start + runLength).sort(compare))
    await nextRun()
  }
  const nextItem = turnEvery(mergedPerTurn)
  while (runs.length > 1) {
    const longer: T[][] = []
    for (let index = 0; index < runs.length; index += 2) {
      longer.push(await merge(runs[index] ?? [], runs[index + 1] ?? [], compare, nextItem))
    }
    runs = longer
  }
  return runs[0] ?? []
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  next: () => Promise<void> | undefined,
): Promise<T[]> {
  const merged: T[] = []
  let [fromLeft, fromRight] = [0, 0]
  while (fromLeft < left.length || fromRight < right.length) {
    const takesRight =
      fromLeft === left.length ||
      (fromRight < right.length && compare(left[fromLeft] as T, right[fromRight] as T) > 0)
    merged.push((takesRight ? right[fromRight++] : left[fromLeft++]) as T)
    const turned = next()
    if (turned) await turned
  }
  return merged
}
