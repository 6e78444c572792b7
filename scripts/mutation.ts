/**
 * `npm run mutation [-- src/identity/mac-address.ts ...] [--concurrency N] [--incremental]`: changes the code in small
 * ways, one at a time, and looks whether a test notices (Stryker). Ends with 1 where less than 80 % are noticed, or where
 * test/mutation/survivors.yaml does not say why one is not. Without files: all of identity and decision.
 * `--incremental` takes from the last such run what neither the code nor a test has changed since.
 */
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'
import { judge, type MutantResult, type Mutation, readAccepted, shorten } from './surviving-mutants.ts'

type Options = ConstructorParameters<typeof Stryker>[0]
type StrykerMutant = Awaited<ReturnType<Stryker['runMutationTest']>>[number]

const root = join(import.meta.dirname, '..')
const list = 'test/mutation/survivors.yaml'
const leastPercent = 80

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    concurrency: { type: 'string', default: '2' },
    incremental: { type: 'boolean', default: false },
  },
})

const options: Options = {
  mutate: positionals.length > 0 ? positionals : ['src/identity/**/*.ts', 'src/decision/**/*.ts'],
  plugins: ['@stryker-mutator/tap-runner'],
  testRunner: 'tap',
  // The tests of these two folders, and two of policies that are as fast: what only an end-to-end test notices is noticed
  // late and said badly, and each second of a test is one for each mutant that it covers.
  tap: {
    testFiles: [
      'test/identity/*.test.ts',
      'test/decision/*.test.ts',
      'test/policy/{default-policy,profile}.test.ts',
    ],
    nodeArgs: ['--import', './test/mutation/fixed-seed.ts', '-r', '{{hookFile}}', '{{testFile}}'],
  },
  coverageAnalysis: 'perTest',
  incremental: values.incremental,
  incrementalFile: '.stryker/incremental.json',
  concurrency: Number(values.concurrency),
  // Stryker rewrites tsconfig.json with an API that TypeScript 7 no longer has. Node strips the types by itself.
  tsconfigFile: '(none)',
  disableTypeChecks: false,
  tempDirName: '.stryker/tmp',
  ignorePatterns: ['.stryker', '.tap', '.bench', 'coverage', 'dist', 'docs'],
  // A busy machine is no endless loop.
  timeoutMS: 60_000,
  reporters: ['clear-text', 'html', process.stdout.isTTY ? 'progress' : 'progress-append-only'],
  clearTextReporter: { reportMutants: false, reportTests: false },
  htmlReporter: { fileName: '.stryker/report.html' },
  logLevel: 'warn' as NonNullable<Options['logLevel']>,
}

/** The text between two places of a file, as Stryker counts: lines and columns from 1. */
function textAt(source: string, { start, end }: StrykerMutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  lines[lines.length - 1] = lines.at(-1)?.slice(0, end.column - 1) ?? ''
  lines[0] = lines[0]?.slice(start.column - 1) ?? ''
  return lines.join('\n')
}

function resultOf({ fileName, location, replacement, status }: StrykerMutant): MutantResult {
  const source = readFileSync(fileName, 'utf8')
  const survived = status === 'Survived' || status === 'NoCoverage'
  return {
    file: relative(root, fileName),
    line: source.split('\n')[location.start.line - 1]?.trim() ?? '',
    code: shorten(textAt(source, location)),
    becomes: shorten(replacement),
    result: survived ? 'survived' : status === 'Killed' || status === 'Timeout' ? 'noticed' : 'invalid',
  }
}

function print(title: string, mutants: readonly Mutation[]): void {
  if (mutants.length === 0) return
  process.stdout.write(`\n${title}\n`)
  for (const { file, line, code, becomes } of mutants) {
    process.stdout.write(`${JSON.stringify({ file, line, code, becomes })}\n`)
  }
}

process.chdir(root)
// The tests start with the Node that runs this, and load what is compiled already: a third of the time.
process.env.PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`
process.env.NODE_COMPILE_CACHE = resolve('.stryker/compile-cache')

const results = (await new Stryker(options).runMutationTest()).map(resultOf)
const looked = new Set(results.map(({ file }) => file))
const accepted = readAccepted(list).filter(({ file }) => positionals.length === 0 || looked.has(file))
const { score, unlisted, outdated } = judge(results, accepted)

print(`No test notices these; write one, or say in ${list} why none can:`, unlisted)
print(`${list} lists these, but a test notices them now, or the code has changed:`, outdated)
process.stdout.write(
  `\n${score.toFixed(1)} % of the mutants are noticed, at least ${leastPercent} % must be\n`,
)
process.exitCode = score >= leastPercent && unlisted.length + outdated.length === 0 ? 0 : 1
