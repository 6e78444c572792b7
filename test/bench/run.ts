/**
 * `npm run bench`: the service against yardsticks, in one run. Every server has a core of its own; load, simulator
 * and this script share the other. Rounds are interleaved and medians compared, so that a machine that slows down
 * slows everybody down. `--quick` runs everything briefly and checks the counts; it asserts nothing about time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { prepareAccess, startService } from './bench-service.ts'
import { coldDevices } from './cold-devices.ts'
import { type LoadResult, type LoadTarget, loadTool, sendLoad } from './http-load.ts'
import { canPin, serverCore, startPinned } from './pinned-process.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const rounds = values.quick ? 1 : 5
const seconds = values.quick ? 1 : 6
const connections = 64

const directory = mkdtempSync(join(tmpdir(), 'intune-nac-bench-'))
const yardstick = join(import.meta.dirname, 'yardstick.ts')
const print = (text: string) => process.stdout.write(`${text}\n`)
const simulator = await startSimulator()
const stops: (() => Promise<unknown> | unknown)[] = [
  () => simulator.close(),
  () => rmSync(directory, { recursive: true, force: true }),
]

try {
  const access = await prepareAccess(simulator, directory)
  const service = await startService(access, join(directory, 'service.log'))
  stops.unshift(() => service.stop())
  // First of all: the naive service asks for tokens too, and these counts are the service's own.
  const cold = await coldDevices(simulator, service, access.token)
  const yardsticks: Record<string, string> = {}
  for (const kind of ['node-http', 'fastify', 'naive']) {
    const child = startPinned(serverCore, [yardstick, kind], {
      environment: access.environment,
      outputFile: join(directory, `${kind}.log`),
    })
    stops.unshift(() => child.stop())
    const [, url = ''] = await child.waitFor(/listening on (\S+)/)
    yardsticks[kind] = url
  }
  const authorization = `Bearer ${access.token}`
  const json = { authorization, 'content-type': 'application/json' }
  const body = JSON.stringify({ mac: '005056A4895A' })
  const query = '/v1/decision?mac=00:50:56:A4:89:5A'
  const targets: Record<string, LoadTarget> = {
    'node:http GET': { url: `${yardsticks['node-http']}${query}` },
    'Fastify GET': { url: `${yardsticks.fastify}${query}` },
    'decision GET, cached': { url: `${service.url}${query}`, headers: { authorization } },
    'node:http POST': { url: `${yardsticks['node-http']}/v1/decision`, headers: json, body },
    'decision POST, cached': { url: `${service.url}/v1/decision`, headers: json, body },
    'naive service': { url: `${yardsticks.naive}${query}` },
  }
  const seen: Record<string, LoadResult[]> = {}
  print(
    `${rounds} rounds of ${seconds} s at ${connections} connections with ${loadTool}; ${cpus()[0]?.model}, ${arch()}, Node ${process.version}${canPin ? ', pinned' : ', NOT pinned'}`,
  )
  for (const target of Object.values(targets)) await sendLoad(target, { connections, seconds: 1 })
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, target] of Object.entries(targets)) {
      const result = await sendLoad(target, { connections, seconds })
      seen[name] = [...(seen[name] ?? []), result]
    }
  }
  const medians = Object.fromEntries(Object.entries(seen).map(([name, results]) => [name, medianOf(results)]))
  const perSecond = (name: string) => medians[name]?.requestsPerSecond ?? 0
  const report = {
    medians,
    ratios: {
      'decision GET / node:http GET': perSecond('decision GET, cached') / perSecond('node:http GET'),
      'decision GET / Fastify GET': perSecond('decision GET, cached') / perSecond('Fastify GET'),
      'decision POST / node:http POST': perSecond('decision POST, cached') / perSecond('node:http POST'),
      'decision GET / naive': perSecond('decision GET, cached') / perSecond('naive service'),
    },
    cold,
  }
  print(`\n| target | requests/s | p50 ms | p99 ms | p99.9 ms | failed |\n|---|---|---|---|---|---|`)
  for (const [name, result] of Object.entries(medians)) {
    const { requestsPerSecond, p50Ms, p99Ms, p999Ms, failed } = result
    print(
      `| ${name} | ${requestsPerSecond.toFixed(0)} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} | ${p999Ms.toFixed(2)} | ${failed} |`,
    )
  }
  print(`\n| ratio of medians | |\n|---|---|`)
  for (const [name, ratio] of Object.entries(report.ratios)) print(`| ${name} | ${ratio.toFixed(2)} |`)
  print(`\n| cold devices | |\n|---|---|`)
  for (const [name, figure] of Object.entries(cold)) print(`| ${name} | ${figure} |`)
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`)
  const failed = Object.values(medians).some((result) => result.failed > 0)
  if (failed || cold['herd: queries'] !== 1 || cold['storm: queries'] !== cold['storm: devices']) {
    print('Answers failed or a count is wrong.')
    process.exitCode = 1
  }
} finally {
  for (const stop of stops) await stop()
}

function medianOf(results: readonly LoadResult[]): LoadResult {
  const median = (pick: (result: LoadResult) => number) =>
    results.map(pick).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? 0
  return {
    requestsPerSecond: median((result) => result.requestsPerSecond),
    p50Ms: median((result) => result.p50Ms),
    p99Ms: median((result) => result.p99Ms),
    p999Ms: median((result) => result.p999Ms),
    failed: results.reduce((sum, result) => sum + result.failed, 0),
  }
}
