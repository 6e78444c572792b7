/**
 * `npm test`: types, lint, generated files, then every test with coverage. Ends with what failed, each with its reason, and
 * with `N passed, N failed`. Each step runs even if an earlier one failed, so that one run shows everything.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { checkCoverage } from './coverage.ts'
import { checkForSecrets } from './secret-scan.ts'

const results = '.tap/results.tap'
/** Everything that the suite and the services in it wrote: searched for secrets at the end. */
const output = '.tap/output'
const chosen = process.argv.slice(2)
const isCi = process.env.CI === 'true'

/** What failed and why, in the order of the run. */
const failures: string[] = []
let passed = 0

await main()

async function main(): Promise<void> {
  mkdirSync('.tap', { recursive: true })
  preparePeers()
  run('types', 'tsc', ['--noEmit'])
  run('lint and format', 'biome', ['ci', '.'])
  run('generated files', 'node', ['scripts/generate.ts', '--check'])
  run('supply chain', 'node', ['scripts/supply-chain.ts'])
  // Some test files alone are asked for while working on them; that has to be quick.
  if (chosen.length === 0) run('bench, counts alone', 'node', ['test/bench/run.ts', '--quick'])
  // A fresh clone has tap's default plugins built in; the configured set has to be built before the first run.
  run('test runner', 'tap', ['build'])
  await runTests()
  if (chosen.length === 0) note('coverage', checkCoverage(95))
  note('secrets', checkForSecrets([results, output]) ? undefined : 'a secret stands in what the tests wrote')
  for (const failure of failures) process.stdout.write(`\nFAILED: ${failure}`)
  process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

/**
 * Real FreeRADIUS, supplicants and clients. Without them their suites say so and are skipped; under CI that is a failure.
 * NAC_TEST_PEERS=skip leaves the machine as it is, and what is missing is skipped the same way.
 */
function preparePeers(): void {
  const isLeftAlone = process.env.NAC_TEST_PEERS === 'skip'
  const script = ['scripts/install-test-peers.sh', ...(isLeftAlone ? ['--check'] : [])]
  const fine = step('test peers', 'bash', script)
  if (!fine && isCi) failures.push('test peers: a program that the tests talk to is missing, see above')
  else if (!fine) process.stdout.write('== test peers: MISSING, their suites are skipped\n')
}

function run(title: string, command: string, args: readonly string[]): void {
  const fine = step(title, command, args)
  note(title, fine ? undefined : `\`${[command, ...args].join(' ')}\` failed, see above`)
  if (!fine) process.stdout.write(`== ${title}: FAILED\n`)
}

function step(title: string, command: string, args: readonly string[]): boolean {
  process.stdout.write(`\n== ${title}\n`)
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0
}

function note(title: string, problem: string | undefined): void {
  if (problem === undefined) passed += 1
  else failures.push(`${title}: ${problem}`)
}

/** Runs tap, keeps its whole report, and says of each file as it ends how it went. */
async function runTests(): Promise<void> {
  process.stdout.write('\n== tests\n')
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  const stderr = `${output}/stderr`
  const tap = spawn('tap', ['--reporter=tap', ...chosen], {
    stdio: ['inherit', 'pipe', openSync(stderr, 'w')],
    env: { ...process.env, KEPT_OUTPUT_DIR: resolve(output) },
  })
  const ended = new Promise<number | null>((resolve) => tap.once('close', (status) => resolve(status)))
  const kept = createWriteStream(results)
  for await (const line of createInterface({ input: tap.stdout as Readable })) {
    kept.write(`${line}\n`)
    if (/^(?:not )?ok \d+ - /.test(line)) process.stdout.write(`${line.replace(/ \{$/, '')}\n`)
  }
  const status = await ended
  await new Promise<void>((resolve) => kept.end(resolve))
  process.stderr.write(readFileSync(stderr))
  const report = readFileSync(results, 'utf8')
  for (const failed of report.match(/^ +not ok .*\n(?: +---\n[\s\S]*?\n +\.\.\.$)?/gm) ?? [])
    process.stdout.write(`${failed}\n`)

  const total = [...report.matchAll(/^# \{ (.*) \}$/gm)].at(-1)?.[1] ?? ''
  passed += Number(/pass: (\d+)/.exec(total)?.[1] ?? 0)
  const failed = failedTests(report)
  failures.push(...failed)
  // A runner that died without naming a failure has failed all the same.
  if (status !== 0 && failed.length === 0) failures.push(`tests: tap ended with ${status} and named no test`)
}

/** Every failed assertion with the path of titles above it; a file that fails without one stands for itself. */
function failedTests(report: string): readonly string[] {
  const named: string[] = []
  const above: string[] = []
  let file = ''
  let namedInFile = 0
  for (const line of report.split('\n')) {
    const subtest = /^( *)# Subtest: (.*)$/.exec(line)
    if (subtest) {
      const depth = (subtest[1] ?? '').length / 4
      above.splice(depth)
      above[depth] = subtest[2] ?? ''
      if (depth === 0) {
        file = subtest[2] ?? ''
        namedInFile = 0
      }
      continue
    }
    const point = /^( *)not ok \d+ - (.*?)(?: # .*)?(?: \{)?$/.exec(line)
    if (!point || / # (?:TODO|SKIP)/i.test(line)) continue
    const depth = (point[1] ?? '').length / 4
    const title = point[2] ?? ''
    // The line of a group repeats what its members said.
    if (above[depth] === title && (namedInFile > 0 || depth > 0)) continue
    if (depth === 0 && namedInFile > 0) continue
    namedInFile += 1
    named.push([...new Set([file || title, ...above.slice(1, depth), title])].join(' > '))
  }
  return named
}
