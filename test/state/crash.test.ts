import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { StateDatabase } from '../../src/state/state-database.ts'
import { crashValue } from './crash-value.ts'

/** `npm run test:crash` sets 500. */
const kills = Number(process.env.CRASH_RUNS ?? '30')
/** Several directories at a time: a child spends most of its life on starting. */
const lanes = 2

t.setTimeout(600_000)

t.test(`${kills} kills at random instants while writing leave no file that cannot be read`, async (t) => {
  const root = t.testdir({})
  const found: Found[] = []
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const directory = join(root, `lane${lane}`)
      for (let run = lane; run < kills; run += lanes) found.push(await killOnce(directory))
    }),
  )
  t.equal(found.length, kills)
  t.same(
    found.flatMap(({ problems }) => problems),
    [],
    'every file was whole, and no store had a complaint',
  )
  t.equal(
    Math.max(...found.map(({ acknowledgedLost }) => acknowledgedLost)),
    0,
    'what was acknowledged is there',
  )
  const lost = found.map(({ notedLost }) => notedLost)
  const total = lost.reduce((sum, each) => sum + each, 0)
  const written = found.map(({ stored }) => stored)
  t.comment(
    `${kills} kills: 0 unreadable; ${total} records that had been noted and not acknowledged were lost, ${Math.max(...lost)} at most in one kill; ${Math.max(...written)} changes in the busiest file`,
  )
  t.ok(Math.max(...lost) <= 50, 'nothing but the batch under way is lost')
})

interface Found {
  readonly problems: readonly string[]
  readonly stored: number
  readonly notedLost: number
  readonly acknowledgedLost: number
}

async function killOnce(directory: string): Promise<Found> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-child.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '' },
  })
  let text = ''
  const ended = new Promise((resolve) => child.once('close', resolve))
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('noted')) resolve()
    })
    child.once('close', () => resolve())
  })
  // Anywhere in a transaction, between two, or in a checkpoint of the log.
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 120))
  child.kill('SIGKILL')
  await ended
  const last = (word: string) =>
    Number([...text.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0)
  const { stored, problems } = inspect(join(directory, 'compliance-contoso.sqlite'))
  return {
    problems: [...problems, ...(text.match(/^notice .*$/gm) ?? [])],
    stored,
    notedLost: Math.max(0, last('noted') - stored),
    acknowledgedLost: Math.max(0, last('acknowledged') - stored),
  }
}

function inspect(file: string): { stored: number; problems: string[] } {
  const problems: string[] = []
  let stored = 0
  try {
    const database = new StateDatabase(file)
    for (const { key, value } of database.rows()) {
      const number = Number.parseInt(value, 10)
      if (value !== crashValue(number)) problems.push(`${key} holds a broken value`)
      stored = Math.max(stored, number)
    }
    database.close()
    const plain = new DatabaseSync(file)
    const check = plain.prepare('PRAGMA integrity_check').get()?.integrity_check
    if (check !== 'ok') problems.push(`integrity_check: ${check}`)
    plain.close()
  } catch (error) {
    problems.push(`unreadable: ${error instanceof Error ? error.message : 'unknown'}`)
  }
  return { stored, problems }
}
