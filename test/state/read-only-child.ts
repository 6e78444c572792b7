/** Opens the store in the directory of its first argument and prints what came of it. */
import { systemClock } from '../../src/clock.ts'
import { type StateNotice, StateStore } from '../../src/state/state-store.ts'

const notices: StateNotice[] = []
const keys: string[] = []
const store = new StateStore({
  directory: process.argv[2] ?? '',
  name: 'compliance-contoso',
  clock: systemClock,
  read: () => undefined,
  restore: (key) => keys.push(key),
  visitKeys: async () => {},
  onNotice: (notice) => notices.push(notice),
})
// The thread alone does not keep the process alive.
const alive = setInterval(() => {}, 1000)
await store.load()
process.stdout.write(`${JSON.stringify({ mode: store.status.mode, keys, notices })}\n`)
await store.close()
clearInterval(alive)
