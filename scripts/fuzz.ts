/**
 * `npm run fuzz -- [--runs 100000] [--seed N]`: every area of test/fuzz with as many cases in all, one after the other,
 * and a table of what they did. Without `--seed` half of the cases are always the same and half are new.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { type Area, type AreaFigures, shares } from '../test/fuzz/fuzz.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string' } },
})

/** Runs one file; its failures go to the terminal as they are. */
function runArea(area: Area): AreaFigures {
  const { status, stdout } = spawnSync(process.execPath, [`test/fuzz/${area}.test.ts`], {
    encoding: 'utf8',
    maxBuffer: 1024 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      FUZZ_RUNS: values.runs,
      ...(values.seed !== undefined && { FUZZ_SEED: values.seed }),
      // tap gives a file 30 seconds otherwise.
      TAP_TIMEOUT: '0',
    },
  })
  const [, text] = /^# fuzz (\{.*\})$/m.exec(stdout) ?? []
  const figures = text === undefined ? undefined : (JSON.parse(text) as AreaFigures)
  if (status === 0 && figures !== undefined) return figures
  process.stdout.write(stdout.replace(/^ *ok .*\n/gm, ''))
  return { area, cases: 0, ms: 0, seeds: [], ...figures, failures: Math.max(1, figures?.failures ?? 0) }
}

const line = (...cells: readonly (string | number)[]) => {
  const [name = '', ...rest] = cells
  process.stdout.write(
    `${String(name).padEnd(16)}${rest.map((cell) => String(cell).padStart(12)).join('')}\n`,
  )
}

line('area', 'cases', 'failures', 'seconds', 'new seed')
const done = (Object.keys(shares) as Area[]).map((area) => {
  const figures = runArea(area)
  line(area, figures.cases, figures.failures, (figures.ms / 1000).toFixed(1), figures.seeds.at(-1) ?? '')
  return figures
})
const sum = (of: (figures: AreaFigures) => number) => done.reduce((total, figures) => total + of(figures), 0)
line(
  'all',
  sum(({ cases }) => cases),
  sum(({ failures }) => failures),
  (sum(({ ms }) => ms) / 1000).toFixed(1),
)
process.exitCode = sum(({ failures }) => failures) === 0 ? 0 : 1
