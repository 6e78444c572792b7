import t from 'tap'
import { replaceBlock } from './doc-block.ts'
import { formatCounts, formatReport } from './markdown.ts'
import { parseOptions } from './options.ts'
import type { BenchReport } from './report.ts'
import { Results, spreadOf } from './results.ts'
import { cachedSection } from './scenarios/cached.ts'
import { coldSection, stormRow } from './scenarios/cold-devices.ts'
import { missesSection, missRow } from './scenarios/misses.ts'
import { rememberedSection } from './scenarios/remembered.ts'
import { sizingOf } from './sizing.ts'
import { judgeTargets, otherRatios } from './targets.ts'

function reportOf(results: Results): BenchReport {
  const sections = results.sections()
  return {
    commit: 'abc1234',
    measuredAt: '2026-11-23T01:00:00.000Z',
    machine: 'a machine',
    method: '3 rounds',
    sections,
    targets: judgeTargets(sections),
    ratios: otherRatios(sections),
    checked: results.checks.length,
    wrong: results.checks.filter(({ actual, expected }) => actual !== expected),
  }
}

/** Three rounds in which the machine slowed down once, for everybody. */
function threeRounds(): Results {
  const results = new Results()
  for (const [bare, service] of [
    [1000, 900],
    [500, 460],
    [1100, 880],
  ] as const) {
    results.add(cachedSection, 'node:http GET', { requestsPerSecond: bare, cpuMicrosPerRequest: 20 })
    results.add(cachedSection, 'JSON GET', { requestsPerSecond: service, cpuMicrosPerRequest: 30, failed: 0 })
  }
  return results
}

t.test('a spread has the median, not the mean', async (t) => {
  t.strictSame(spreadOf([9, 1, 2]), { median: 2, min: 1, max: 9, samples: [9, 1, 2] })
})

t.test('a ratio is that of the medians, its range that of the rounds', async (t) => {
  const [target] = judgeTargets(threeRounds().sections())
  t.match(target, {
    what: 'JSON GET / node:http, requests/s',
    relation: '≥',
    limit: 0.8,
    value: 0.88,
    min: 0.8,
    max: 0.92,
    isMet: true,
  })
  t.match(otherRatios(threeRounds().sections())[0], {
    what: 'JSON GET / node:http, CPU per request',
    value: 1.5,
  })
})

t.test('a target is judged only where it was measured, and missed where it is missed', async (t) => {
  const results = new Results()
  t.strictSame(judgeTargets(results.sections()), [])
  results.add(coldSection, stormRow, { devices: 10_000, queries: 10_001, tokens: 2, discoveries: 1 })
  const targets = judgeTargets(results.sections())
  t.strictSame(
    targets.map(({ what, isMet }) => [what, isMet]),
    [
      ['storm: upstream queries', false],
      ['storm: tokens', true],
      ['storm: discoveries', true],
    ],
  )
})

t.test('misses are judged by what is added, and but for bursts request by request', async (t) => {
  const results = new Results()
  for (const atOnce of [false, true]) {
    const row = missRow({ latencyMs: 20, atOnce })
    results.add(missesSection, row, { addedP99Ms: 4, aboveP99Ms: 6 })
  }
  t.strictSame(
    judgeTargets(results.sections()).map(({ what, isMet }) => [what, isMet]),
    [
      ['cold, upstream takes 20 ms: added at p99 ms', true],
      ['cold, upstream takes 20 ms, all 50 at the same moment: added at p99 ms', true],
      ['cold, upstream takes 20 ms: each request above its own upstream time, p99 ms', false],
    ],
  )
})

t.test('the report shows targets, ratios, every figure, and every wrong count', async (t) => {
  const results = threeRounds()
  results.add(cachedSection, 'JSON GET', { requestsPerSecond: 890, failed: 2 })
  results.expect('storm: tokens', 3, 2)
  results.expectNoFailure()
  const text = formatReport(reportOf(results))
  t.match(text, 'a machine; 3 rounds; commit abc1234, 2026-11-23.')
  t.match(text, /\| JSON GET \/ node:http, requests\/s \| 0\.\d\d \| .* \| ≥ 0\.8 \| met \|/)
  t.match(text, '| node:http GET | 1000 (500–1100) | 20.0 |')
  t.match(text, 'WRONG: storm: tokens is 3 where it has to be 2.')
  t.match(text, `WRONG: ${cachedSection}: JSON GET: failed answers is 2 where it has to be 0.`)
  t.match(
    formatCounts(reportOf(results)),
    /^1 sections with 2 rows.*\n3 counts were checked, 2 are wrong\nWRONG/,
  )
})

t.test('sizing goes by what a request and a device cost', async (t) => {
  const results = new Results()
  results.add(cachedSection, 'RADIUS, certificate', { cpuMicrosPerRequest: 90 })
  t.strictSame(sizingOf(results.sections()), [], 'not without the memory of devices')
  results.add(rememberedSection, '1,000 devices', { peakRssMiB: 200 })
  results.add(rememberedSection, '1,000,000 devices', { peakRssMiB: 500 })
  const [smallest, , , largest] = sizingOf(results.sections())
  t.match(smallest, { devices: 1000, memoryMiB: 200, upstreamQueriesPerHour: 2000 })
  t.match(largest, { devices: 1_000_000, memoryMiB: 500, cores: 0.1 })
  t.match(formatReport(reportOf(results)), '| 1,000,000 | 1111 | 0.100 | 500 | 2,000,000 |')
})

t.test('the block of a page is replaced, and the rest left alone', async (t) => {
  const begin = '<!-- bench:begin: written by `npm run bench -- --doc`, do not edit -->'
  const page = (inside: string) => `# Title\n\n${begin}\n\n${inside}\n\n<!-- bench:end -->\n\nafter\n`
  t.equal(replaceBlock(page('old'), 'new $& text\n'), page('new $& text'))
  t.throws(() => replaceBlock('# Title', 'new'), /has no line/)
})

t.test('the command line', async (t) => {
  t.match(parseOptions([]), { rounds: 5, seconds: 6, quick: false, only: [], doc: false })
  t.match(parseOptions(['--only', 'herd,storm', '--rounds', '3', '--seconds', '2']), {
    only: ['herd', 'storm'],
    rounds: 3,
    seconds: 2,
  })
  t.match(parseOptions(['--quick']), { rounds: 1, quick: true })
  t.throws(() => parseOptions(['--rounds', '0']), RangeError)
  t.throws(() => parseOptions(['--what']))
})
