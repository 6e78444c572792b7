/** How often the event loop turns until the work is done: that much of it was open to others. */
export async function countTurns(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isDone = false
  const count = () => {
    if (isDone) return
    turns += 1
    setImmediate(count)
  }
  setImmediate(count)
  await work
  isDone = true
  return turns
}
