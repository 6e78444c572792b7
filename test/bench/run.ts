/**
 * `npm run bench`: the service against yardsticks, in one run. Every server has a core of its own while it is measured;
 * load, simulator and this script share the other. `--quick` runs everything briefly and checks the counts; it asserts
 * nothing about time. `--help` has the rest.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBench } from './bench.ts'
import { keepAwake, leaveServerCore } from './cores.ts'
import { replaceBlock } from './doc-block.ts'
import { formatCounts, formatReport } from './markdown.ts'
import { type BenchOptions, parseOptions, usage } from './options.ts'
import { profiledNames, profileScenario } from './profile.ts'
import { type BenchReport, createReport, describeMachine } from './report.ts'
import { runScenarios, scenarioNames } from './scenarios/scenarios.ts'

const page = join(import.meta.dirname, '../../docs/performance.md')

async function measure(options: BenchOptions): Promise<BenchReport> {
  const machine = describeMachine()
  leaveServerCore()
  const letSleep = options.awake ? keepAwake() : () => {}
  const { bench, close } = await openBench(options)
  try {
    await runScenarios(bench, new Set(options.only.length === 0 ? scenarioNames : options.only))
    return createReport(bench.results, options, machine)
  } finally {
    letSleep()
    await close()
  }
}

async function profile(options: BenchOptions, name: string): Promise<void> {
  leaveServerCore()
  const { bench, close } = await openBench(options)
  try {
    process.stdout.write(`${await profileScenario(bench, name)}\n`)
  } finally {
    await close()
  }
}

async function run(options: BenchOptions): Promise<boolean> {
  if (options.profile !== undefined) {
    await profile(options, options.profile)
    return true
  }
  const report: BenchReport =
    options.from === undefined ? await measure(options) : JSON.parse(readFileSync(options.from, 'utf8'))
  const text = formatReport(report)
  process.stdout.write(`${options.quick ? formatCounts(report) : text}\n`)
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 2)}\n`)
  if (options.doc) writeFileSync(page, replaceBlock(readFileSync(page, 'utf8'), text))
  return report.wrong.length === 0
}

function readOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    const options = parseOptions(args)
    const unknown =
      options.only.find((name) => !scenarioNames.includes(name)) ??
      [options.profile].find((name) => name !== undefined && !profiledNames.includes(name))
    if (unknown === undefined) return options
    process.stderr.write(
      `there is no scenario ${unknown}, or it cannot be profiled: only ${profiledNames.join(', ')} can\n`,
    )
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  }
  return undefined
}

const options = readOptions(process.argv.slice(2))
if (options === undefined) {
  process.stderr.write(`${usage}\n  scenarios: ${scenarioNames.join(', ')}\n`)
  process.exitCode = 2
} else if (!(await run(options))) process.exitCode = 1
