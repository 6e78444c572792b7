import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { canPin } from './cores.ts'
import { loadTool } from './http-load.ts'
import type { BenchOptions } from './options.ts'
import type { Check, Results } from './results.ts'
import { judgeTargets, otherRatios, type Ratio, type Sections, type Target } from './targets.ts'

/** All that a run has to say; what `--out` writes and `--from` reads. */
export interface BenchReport {
  readonly commit: string
  readonly measuredAt: string
  readonly machine: string
  readonly method: string
  readonly sections: Sections
  readonly targets: readonly Target[]
  readonly ratios: readonly Ratio[]
  /** Counts that were checked. */
  readonly checked: number
  /** Counts that were wrong. */
  readonly wrong: readonly Check[]
}

/** Has to be called before this process leaves the core of the server, or it sees one core alone. */
export function describeMachine(): string {
  const processors = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const model = processors[0]?.model ?? 'unknown processor'
  return `${model}, ${processors.length} cores, ${memory}, Linux ${release()}, Node ${process.version}`
}

export function createReport(results: Results, options: BenchOptions, machine: string): BenchReport {
  // Starved of its core, a service refuses what it cannot answer in time: that is no fault, and about time.
  if (!options.quick) results.expectNoFailure()
  const sections = results.sections()
  return {
    commit: commit(),
    measuredAt: new Date().toISOString(),
    machine,
    method: [
      `${options.rounds} ${options.rounds === 1 ? 'round' : 'rounds'} of ${options.seconds} s`,
      `${options.connections} connections`,
      `load by ${loadTool}`,
      canPin ? 'server and load on a core each' : 'NOT pinned to cores',
      ...(options.awake ? ['cores kept awake'] : []),
    ].join(', '),
    sections,
    targets: judgeTargets(sections),
    ratios: otherRatios(sections),
    checked: results.checks.length,
    wrong: results.checks.filter(({ actual, expected }) => actual !== expected),
  }
}

function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? ''
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'test/bench') !== ''
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed ? ' with changes' : ''}`
}
