/**
 * `npm test`: types, lint, generated files, then every test with coverage. Ends with `N passed, N failed`.
 * Each step runs even if an earlier one failed, so that one run shows everything.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { checkCoverage } from './coverage.ts'
import { checkForSecrets } from './secret-scan.ts'

const results = '.tap/results.tap'
/** Everything that the suite and the services in it wrote: searched for secrets at the end. */
const output = '.tap/output'
/** The terse reporter redraws its lines, which only a terminal can show. */
const reporter = process.stdout.isTTY ? 'terse' : 'silent'

function run(title: string, command: string, args: readonly string[], stderr?: number): boolean {
  process.stdout.write(`\n== ${title}\n`)
  const { status } = spawnSync(command, args, { stdio: ['inherit', 'inherit', stderr ?? 'inherit'] })
  if (status !== 0) process.stdout.write(`== ${title}: FAILED\n`)
  return status === 0
}

mkdirSync('.tap', { recursive: true })
// Real FreeRADIUS, supplicant and clients. Without them their suites say so and are skipped, except under CI.
const peersFailed =
  !run('test peers', 'bash', ['scripts/install-test-peers.sh']) && process.env.CI === 'true' ? 1 : 0
const checks = [
  run('types', 'tsc', ['--noEmit']),
  run('lint and format', 'biome', ['ci', '.']),
  run('generated files', 'node', ['scripts/generate.ts', '--check']),
  run('supply chain', 'node', ['scripts/supply-chain.ts']),
  // Some test files alone are asked for while working on them; that has to be quick.
  ...(process.argv.length > 2 ? [] : [run('bench, counts alone', 'node', ['test/bench/run.ts', '--quick'])]),
]
// A fresh clone has tap's default plugins built in; the configured set has to be built before the first run.
const built = run('test runner', 'tap', ['build'])
rmSync(output, { recursive: true, force: true })
mkdirSync(output, { recursive: true })
process.env.KEPT_OUTPUT_DIR = resolve(output)
const stderr = openSync(`${output}/stderr`, 'w')
const tested = run(
  'tests',
  'tap',
  [`--reporter=${reporter}`, `--output-file=${results}`, ...process.argv.slice(2)],
  stderr,
)
closeSync(stderr)
process.stderr.write(readFileSync(`${output}/stderr`))
if (reporter === 'silent') process.stdout.write(plainReport(readFileSync(results, 'utf8')))
checks.push(process.argv.length > 2 ? true : checkCoverage(95))
checks.push(checkForSecrets([results, output]))

const totals = /^# \{ (.*) \}$/gm
const last = [...readFileSync(results, 'utf8').matchAll(totals)].at(-1)?.[1] ?? ''
const count = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(last)?.[1] ?? 0)
const passed = count('pass') + checks.filter(Boolean).length
// A runner that died without counting a failure has failed all the same.
const runnerFailed = !built || (!tested && count('fail') === 0) ? 1 : 0
const failed = count('fail') + checks.filter((fine) => !fine).length + runnerFailed + peersFailed
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1

/** One line per test file, and every failed assertion with what TAP says about it. */
function plainReport(tap: string): string {
  const files = tap.match(/^(?:not )?ok \d+ - .*$/gm) ?? []
  const failures = tap.match(/^ +not ok .*\n(?: +---\n[\s\S]*?\n +\.\.\.$)?/gm) ?? []
  return `${[...files, ...failures].join('\n')}\n`
}
