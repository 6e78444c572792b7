import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startStateThread } from '../../src/state/state-thread.ts'

/** Niceness of every thread of this process (proc_pid_stat(5), field 19; the name before it may hold anything). */
function nicenesses(): readonly number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  })
}

const options = process.platform === 'linux' ? {} : { skip: 'niceness belongs to a thread on Linux only' }

t.test('the threads that write files stand back, and no other does', options, async (t) => {
  const before = nicenesses().filter((nice) => nice > 0).length
  for (const worker of ['state-worker', 'trace-worker'] as const) {
    const opened = Promise.withResolvers<unknown>()
    const file = join(t.testdir({}), `${worker}.sqlite`)
    const thread = startStateThread({ file, worker, onOpened: opened.resolve, onLost: () => {} })
    // The thread keeps no process alive.
    const alive = setInterval(() => {}, 1000)
    await opened.promise
    t.equal(nicenesses().filter((nice) => nice > 0).length, before + 1, worker)
    await thread.ask({ ask: 'close' })
    await thread.terminate()
    clearInterval(alive)
  }
})
