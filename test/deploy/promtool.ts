import { spawnSync } from 'node:child_process'

const there = spawnSync('promtool', ['--version']).status === 0

/** False where Prometheus's own checker is there; without it the tests say so and are skipped, under CI they fail. */
export const promtoolMissing: string | false =
  there || process.env.CI === 'true' ? false : 'NOT RUN, promtool is missing: apt-get install prometheus'

if (promtoolMissing !== false) process.stderr.write(`\n!! ${promtoolMissing}\n\n`)

/** Runs promtool; `input` is its standard input. */
export function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}
