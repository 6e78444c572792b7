import { type Figure, figures } from './figures.ts'
import type { BenchReport } from './report.ts'
import type { Check, Rows, Spread } from './results.ts'
import { noncompliantShare, peakSeconds, questionsPerDeviceAndHour, sizingOf } from './sizing.ts'
import type { Sections } from './targets.ts'

/** The whole report as Markdown: targets, ratios, and a table for each section. */
export function formatReport(report: BenchReport): string {
  const { commit, measuredAt, machine, method, sections, targets, ratios, wrong } = report
  return [
    `${machine}; ${method}; commit ${commit}, ${measuredAt.slice(0, 10)}.`,
    ...(targets.length === 0
      ? []
      : table(
          ['target', 'median', 'least – most', 'aim', ''],
          targets.map(({ what, value, min, max, relation, limit, isMet }) => [
            what,
            short(value),
            `${short(min)} – ${short(max)}`,
            `${relation} ${limit}`,
            isMet ? 'met' : '**missed**',
          ]),
        )),
    ...(ratios.length === 0
      ? []
      : table(
          ['ratio', 'of medians', 'least – most'],
          ratios.map(({ what, value, min, max }) => [what, short(value), `${short(min)} – ${short(max)}`]),
        )),
    ...Object.entries(sections).flatMap(([title, rows]) => ['', `### ${title}`, ...sectionTable(rows)]),
    ...sizingTable(sections),
    ...wrong.map((check) => `\n${wrongCount(check)}`),
  ].join('\n')
}

/** Figures for planning, from those that were measured. */
function sizingTable(sections: Sections): readonly string[] {
  const sizes = sizingOf(sections)
  if (sizes.length === 0) return []
  const assumed = [
    `every device within ${peakSeconds / 60} minutes at the peak`,
    `${questionsPerDeviceAndHour} questions per device and hour over the day`,
    `${noncompliantShare * 100} % not compliant`,
    'RADIUS with certificates',
    'one replica',
  ]
  return [
    '',
    '### What an installation needs, by these figures',
    '',
    `Assumed: ${assumed.join(', ')}.`,
    ...table(
      ['devices', 'questions/s at the peak', 'cores at the peak', 'memory MiB', 'upstream queries an hour'],
      sizes.map(({ devices, peakPerSecond, cores, memoryMiB, upstreamQueriesPerHour }) => [
        devices.toLocaleString('en'),
        peakPerSecond.toFixed(0),
        cores.toFixed(3),
        memoryMiB.toFixed(0),
        upstreamQueriesPerHour.toLocaleString('en'),
      ]),
    ),
  ]
}

/** What a run shows whose times mean nothing. */
export function formatCounts({ sections, checked, wrong }: BenchReport): string {
  const rows = Object.values(sections).flatMap((section) => Object.keys(section))
  return [
    `${Object.keys(sections).length} sections with ${rows.length} rows were measured, too briefly to show times`,
    `${checked} counts were checked, ${wrong.length} are wrong`,
    ...wrong.map(wrongCount),
  ].join('\n')
}

function wrongCount({ what, expected, actual }: Check): string {
  return `WRONG: ${what} is ${actual} where it has to be ${expected}.`
}

function sectionTable(rows: Rows): readonly string[] {
  const present = new Set(Object.values(rows).flatMap((row) => Object.keys(row)))
  const columns = (Object.keys(figures) as Figure[]).filter((name) => present.has(name))
  return table(
    ['', ...columns.map((name) => figures[name].heading)],
    Object.entries(rows).map(([title, row]) => [title, ...columns.map((name) => cell(name, row[name]))]),
  )
}

function cell(name: Figure, spread: Spread | undefined): string {
  if (spread === undefined) return ''
  const { digits, ...more } = figures[name]
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits))
  return min === max || !('range' in more) ? `${median}` : `${median} (${min}–${max})`
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return ['', line(headings), `|${'---|'.repeat(headings.length)}`, ...rows.map(line)]
}

/** Two digits behind the point for what is small, none for what is large. */
function short(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}
