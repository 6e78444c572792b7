import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { reachableFrom } from './source-graph.ts'

/** What is run: the program, and each module that a thread of it starts with. */
const program = 'src/main.ts'
const threads = /-worker\.ts$/

/**
 * Compares the line coverage of src with the share that is asked for, and finds source files that no test loads (a
 * coverage report does not mention those). Gives what is wrong, or nothing.
 *
 * Both must be the same in every run. Whether V8 writes the coverage of a thread depends on how the thread ends, so files
 * that only threads load are left out of the share; and what a test loads is read from the imports, not from the report.
 */
export function checkCoverage(leastPercent: number): string | undefined {
  process.stdout.write('\n== coverage\n')
  spawnSync('tap', ['report', 'json-summary'], { stdio: 'ignore' })
  const report = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8')) as Record<
    string,
    { lines: { total: number; covered: number; pct: number } }
  >
  const sources = filesOf('src')
  const ofProgram = reachableFrom([program])
  const ofTests = reachableFrom([program, ...filesOf('test').filter((file) => file.endsWith('.test.ts'))])
  const ofThreads = reachableFrom(sources.filter((file) => threads.test(file)))
  const measured = Object.entries(report)
    .filter(([file]) => file !== 'total')
    .map(([file, { lines }]) => ({ file: relative('.', file), ...lines }))
    .filter(({ file }) => file.startsWith('src/') && (ofProgram.has(file) || !ofThreads.has(file)))
  const unloaded = sources
    .filter((file) => !ofTests.has(file) && !ofThreads.has(file))
    .filter((file) => hasCode(readFileSync(file, 'utf8')))
  const total = measured.reduce((sum, { total }) => sum + total, 0)
  const covered = measured.reduce((sum, { covered }) => sum + covered, 0)
  const percent = total === 0 ? 0 : (100 * covered) / total
  process.stdout.write(`${percent.toFixed(2)} % of ${total} lines in ${measured.length} files of src\n`)
  for (const { file, pct } of measured.filter(({ pct }) => pct < leastPercent))
    process.stdout.write(`  ${pct} % ${file}\n`)
  for (const file of unloaded) process.stdout.write(`  loaded by no test: ${file}\n`)
  if (unloaded.length > 0) return `no test loads ${unloaded.join(', ')}`
  if (percent < leastPercent) return `${percent.toFixed(2)} % of the lines are covered, not ${leastPercent} %`
  return undefined
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .filter((file) => file.endsWith('.ts'))
}

function hasCode(text: string): boolean {
  return /^(?:export )?(?:async )?(?:function|const|let|class|if|for|await)\b/m.test(text)
}
