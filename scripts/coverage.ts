import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** Run by the tests in threads of their own, which tap does not measure. */
const unmeasured = ['src/state/state-worker.ts', 'src/state/trace-worker.ts']

/**
 * Compares the line coverage of src with the share that is asked for, and finds source files that no test ever loaded
 * (a coverage report does not mention those). Types alone leave nothing to run, so such files are not counted.
 */
export function checkCoverage(leastPercent: number): boolean {
  process.stdout.write('\n== coverage\n')
  spawnSync('tap', ['report', 'json-summary'], { stdio: 'ignore' })
  const report = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8')) as Record<
    string,
    { lines: { total: number; covered: number; pct: number } }
  >
  const seen = Object.entries(report)
    .filter(([file]) => file !== 'total')
    .map(([file, { lines }]) => ({ file: relative('.', file), ...lines }))
    .filter(({ file }) => file.startsWith('src/'))
  const unseen = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((file) => `src/${file}`)
    .filter((file) => file.endsWith('.ts') && !seen.some((entry) => entry.file === file))
    .filter((file) => !unmeasured.includes(file))
    .filter((file) => hasCode(readFileSync(file, 'utf8')))
  const total = seen.reduce((sum, { total }) => sum + total, 0)
  const covered = seen.reduce((sum, { covered }) => sum + covered, 0)
  const percent = total === 0 ? 0 : (100 * covered) / total
  process.stdout.write(`${percent.toFixed(2)} % of ${total} lines in ${seen.length} files of src\n`)
  for (const { file, pct } of seen.filter(({ pct }) => pct < leastPercent))
    process.stdout.write(`  ${pct} % ${file}\n`)
  for (const file of unseen) process.stdout.write(`  never loaded: ${file}\n`)
  return percent >= leastPercent && unseen.length === 0
}

function hasCode(text: string): boolean {
  return /^(?:export )?(?:async )?(?:function|const|let|class|if|for|await)\b/m.test(text)
}
