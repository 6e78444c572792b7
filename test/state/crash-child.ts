/**
 * Keeps a store busy until it is killed: numbers are written as fast as the store takes them. Each number that was
 * noted, and each that the store has acknowledged, is printed at once; the parent compares them with what it finds.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/clock.ts'
import { StateStore } from '../../src/state/state-store.ts'
import { crashValue, keysInUse } from './crash-value.ts'

const memory = new Map<string, number>()
const store = new StateStore({
  directory: process.argv[2] ?? '',
  name: 'compliance-contoso',
  clock: systemClock,
  read(key) {
    const number = memory.get(key)
    return number === undefined ? undefined : { value: crashValue(number), observedAtMs: number }
  },
  restore: (key, value) => memory.set(key, Number.parseInt(value, 10)),
  visitKeys: async (visit) => {
    for (const key of memory.keys()) visit(key)
  },
  onNotice: (notice) => print(`notice ${JSON.stringify(notice)}`),
})
setInterval(() => {}, 1000)
await store.load()
let number = Math.max(0, ...memory.values())
for (;;) {
  for (let count = 0; count < 50; count += 1) {
    number += 1
    const key = `k${number % keysInUse}`
    memory.set(key, number)
    store.noteChange(key)
  }
  print(`noted ${number}`)
  await store.flush()
  print(`acknowledged ${number}`)
}

/** Out of the process before anything else happens; a pipe that is full for a moment is tried again. */
function print(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
