/**
 * Keeps one record in the directory of its first argument, and a second one as soon as it is told to; says what the store
 * says of itself whenever that changes.
 */
import { systemClock } from '../../src/clock.ts'
import { type StateNotice, StateStore } from '../../src/state/state-store.ts'

const notices: StateNotice[] = []
const records = new Set<string>()
const store = new StateStore({
  directory: process.argv[2] ?? '',
  name: 'compliance-contoso',
  clock: systemClock,
  read: (key) => (records.has(key) ? { value: 'v', observedAtMs: 1 } : undefined),
  restore: (key) => records.add(key),
  visitKeys: async (visit) => {
    for (const key of records) await visit(key)
  },
  onNotice: (notice) => notices.push(notice),
})
const remember = (key: string) => {
  records.add(key)
  store.noteChange(key)
}
let last = ''
const alive = setInterval(() => {
  const { mode, problem, pendingChanges, reopened } = store.status
  const said = JSON.stringify({ mode, problem, pendingChanges, reopened, notices })
  if (said !== last) process.stdout.write(`${said}\n`)
  last = said
}, 20)
await store.load()
remember('one')
await store.flush()
process.stdout.write('ready\n')
process.stdin.on('data', (text: Buffer) => {
  for (const word of text.toString().trim().split('\n')) {
    if (word === 'more') remember('two')
    else {
      clearInterval(alive)
      store.close().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    }
  }
})
