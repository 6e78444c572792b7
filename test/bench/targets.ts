import type { Figure } from './figures.ts'
import { type Rows, type Spread, spreadOf } from './results.ts'
import { cachedRows, cachedSection } from './scenarios/cached.ts'
import { coldSection, herdRow, stormRow } from './scenarios/cold-devices.ts'
import { latencyNoiseRow, latencySection } from './scenarios/latency.ts'
import { missCases, missesSection, missRow } from './scenarios/misses.ts'
import { processesRow, processesSection } from './scenarios/processes.ts'
import {
  rememberedCounts,
  rememberedRow,
  rememberedSection,
  startSection,
  writingSection,
} from './scenarios/remembered.ts'

export type Sections = Readonly<Record<string, Rows>>

/** A figure, or a ratio of two, that is aimed at. */
export interface Target {
  readonly what: string
  /** at least or at most. */
  readonly relation: '≥' | '≤' | '='
  readonly limit: number
  /** The median; for a ratio, of medians. */
  readonly value: number
  /** Over the rounds; for a ratio, of the ratios of each round. */
  readonly min: number
  readonly max: number
  readonly isMet: boolean
}

/** A ratio that is worth knowing without being aimed at has no limit. */
export interface Ratio {
  readonly what: string
  readonly value: number
  readonly min: number
  readonly max: number
}

type Place = readonly [section: string, row: string, figure: Figure]

/** What is aimed at, as far as it was measured. */
export function judgeTargets(sections: Sections): readonly Target[] {
  const targets: Target[] = []
  const aim = (what: string, spread: Spread | undefined, relation: Target['relation'], limit: number) => {
    if (spread === undefined) return
    const { median: value, min, max } = spread
    const isMet = relation === '≥' ? value >= limit : relation === '≤' ? value <= limit : value === limit
    targets.push({ what, relation, limit, value, min, max, isMet })
  }
  const rate = (row: string): Place => [cachedSection, row, 'requestsPerSecond']
  const cached = (
    name: keyof typeof cachedRows,
    yardstick: string | undefined,
    of: string,
    limit: number,
  ) => {
    if (yardstick === undefined) return
    const { service } = cachedRows[name]
    aim(`${service} / ${of}, requests/s`, ratioOf(sections, rate(service), rate(yardstick)), '≥', limit)
  }
  const { 'json-get': get, 'json-post': post, ...others } = cachedRows
  cached('json-get', get.nodeHttp, 'node:http', 0.8)
  cached('json-get', get.fastify, 'Fastify', 0.9)
  cached('json-post', post.nodeHttp, 'node:http', 0.8)
  cached('json-post', post.fastify, 'Fastify', 0.9)
  for (const name of ['radius-mab', 'radius-certificate', 'ise-lookup'] as const) {
    cached(name, others[name].nodeHttp, 'node:http', 0.6)
  }
  for (const [name, what] of [
    ['p99Ms', 'p99 ms'],
    ['p99OfSecondMs', 'p99 of one second ms'],
  ] as const) {
    aim(`JSON GET at 70 %, ${what}`, figure(sections, [latencySection, get.service, name]), '≤', 5)
  }
  for (const row of missCases.map(missRow)) {
    aim(`cold, ${row}: added at p99 ms`, figure(sections, [missesSection, row, 'addedP99Ms']), '≤', 5)
  }
  // Bursts are about waiting for each other.
  for (const row of missCases.filter(({ atOnce }) => !atOnce).map(missRow)) {
    const what = `cold, ${row}: each request above its own upstream time, p99 ms`
    aim(what, figure(sections, [missesSection, row, 'aboveP99Ms']), '≤', 5)
  }
  aim('herd: upstream queries', figure(sections, [coldSection, herdRow, 'queries']), '=', 1)
  const stormed = figure(sections, [coldSection, stormRow, 'devices'])?.median ?? 0
  aim('storm: upstream queries', figure(sections, [coldSection, stormRow, 'queries']), '=', stormed)
  aim('storm: tokens', figure(sections, [coldSection, stormRow, 'tokens']), '=', 2)
  aim('storm: discoveries', figure(sections, [coldSection, stormRow, 'discoveries']), '=', 1)
  const [few, , most] = rememberedCounts.whole.map(rememberedRow)
  if (few === undefined || most === undefined) return targets
  aim(`${most}: peak RSS MiB`, figure(sections, [rememberedSection, most, 'peakRssMiB']), '≤', 512)
  const inMemory = (row: string): Place => [rememberedSection, row, 'requestsPerSecond']
  aim(`${most} / ${few}, requests/s`, ratioOf(sections, inMemory(most), inMemory(few)), '≥', 0.85)
  aim(`${most}: start to ready ms`, figure(sections, [startSection, most, 'startMs']), '≤', 5000)
  aim(
    `${most}: longest pause while loading ms`,
    figure(sections, [startSection, most, 'pausedWhileLoadingMs']),
    '≤',
    50,
  )
  for (const row of Object.keys(sections[writingSection] ?? {})) {
    aim(`writing, ${row}: peak RSS MiB`, figure(sections, [writingSection, row, 'peakRssMiB']), '≤', 512)
    const place = [writingSection, row, 'loopDelayMaxMs'] as const
    aim(`writing, ${row}: longest pause ms`, figure(sections, place), '≤', 50)
  }
  return targets
}

/** Ratios that explain the others. */
export function otherRatios(sections: Sections): readonly Ratio[] {
  const ratios: Ratio[] = []
  const note = (what: string, one: Place, other: Place) => {
    const spread = ratioOf(sections, one, other)
    if (spread) ratios.push({ what, value: spread.median, min: spread.min, max: spread.max })
  }
  for (const rows of Object.values(cachedRows)) {
    const cpu = (row: string): Place => [cachedSection, row, 'cpuMicrosPerRequest']
    note(`${rows.service} / node:http, CPU per request`, cpu(rows.service), cpu(rows.nodeHttp))
  }
  note(
    'JSON GET / node:http at the same rate, CPU per request',
    [latencySection, cachedRows['json-get'].service, 'cpuMicrosPerRequest'],
    [latencySection, latencyNoiseRow, 'cpuMicrosPerRequest'],
  )
  note(
    'JSON GET / naive service, requests/s',
    [cachedSection, cachedRows['json-get'].service, 'requestsPerSecond'],
    [cachedSection, 'naive service', 'requestsPerSecond'],
  )
  for (const figure of ['requestsPerSecond', 'cpuMicrosPerRequest'] as const) {
    const name = figure === 'requestsPerSecond' ? 'requests/s' : 'CPU per request'
    for (const what of ['service', 'node:http'] as const) {
      const place = (count: number): Place => [processesSection, processesRow(what, count), figure]
      note(`${what}: 2 processes / 1, ${name}`, place(2), place(1))
    }
    for (const count of [1, 2]) {
      const place = (what: 'service' | 'node:http'): Place => [
        processesSection,
        processesRow(what, count),
        figure,
      ]
      note(
        `${count} ${count === 1 ? 'process' : 'processes'}: service / node:http, ${name}`,
        place('service'),
        place('node:http'),
      )
    }
  }
  return ratios
}

function figure(sections: Sections, [section, row, name]: Place): Spread | undefined {
  return sections[section]?.[row]?.[name]
}

/** The ratio of the medians, with the range that the single rounds have. */
function ratioOf(sections: Sections, one: Place, other: Place): Spread | undefined {
  const above = figure(sections, one)
  const below = figure(sections, other)
  if (above === undefined || below === undefined) return undefined
  const ofRounds = above.samples.map((sample, round) => sample / (below.samples[round] ?? Number.NaN))
  return { ...spreadOf(ofRounds), median: above.median / below.median }
}
