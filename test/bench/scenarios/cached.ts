import { join } from 'node:path'
import type { Bench, Yardstick } from '../bench.ts'
import { sendLoad } from '../http-load.ts'
import type { LoadTarget } from '../load-target.ts'
import { measureLoad } from '../measure-load.ts'
import type { MeasuredProcess } from '../measured-process.ts'
import { recordAnswer } from '../record-answer.ts'
import { cachedRequests } from '../requests.ts'

export const cachedSection = 'Remembered device, as fast as it goes'
export const cachedNames = [
  'json-get',
  'json-post',
  'radius-mab',
  'radius-certificate',
  'ise-lookup',
] as const

/** The rows of a way to ask, and of its yardsticks. */
export const cachedRows = {
  'json-get': { service: 'JSON GET', nodeHttp: 'node:http GET', fastify: 'Fastify GET' },
  'json-post': { service: 'JSON POST', nodeHttp: 'node:http POST', fastify: 'Fastify POST' },
  'radius-mab': { service: 'RADIUS, MAB', nodeHttp: 'node:http, the same POST as RADIUS, MAB' },
  'radius-certificate': {
    service: 'RADIUS, certificate',
    nodeHttp: 'node:http, the same POST as RADIUS, certificate',
  },
  'ise-lookup': { service: 'ISE look-up', nodeHttp: 'node:http, the same GET as ISE look-up' },
} as const

const naiveRow = 'naive service'

/**
 * Every way to ask about a device that is remembered, against yardsticks that get the same requests and send answers of
 * the same size: authentication, metrics and decision log on. Rounds are interleaved, so that a machine that slows down
 * slows everybody down.
 */
export async function measureCached(bench: Bench, names: ReadonlySet<string>): Promise<void> {
  const { options, results, access } = bench
  const requests = cachedRequests(access.authorization)
  const service = await bench.startService('cached')
  const yardsticks = new Map<string, Yardstick>()
  const runs: { row: string; server: MeasuredProcess; target: LoadTarget }[] = []
  for (const name of cachedNames) {
    const request = requests[name]
    if (!names.has(name) || request === undefined) continue
    const answerFile = join(bench.directory, `${name}.json`)
    await recordAnswer(request.at(service.url), answerFile)
    const rows = cachedRows[name]
    const kinds = 'fastify' in rows ? (['node-http', 'fastify'] as const) : (['node-http'] as const)
    for (const kind of kinds) {
      // GET and POST of the same question have the same answer, and share their yardsticks.
      const sharedName = `${kind} ${'fastify' in rows ? 'json' : name}`
      const yardstick = yardsticks.get(sharedName) ?? (await bench.startYardstick(kind, { answerFile }))
      yardsticks.set(sharedName, yardstick)
      const row = kind === 'fastify' && 'fastify' in rows ? rows.fastify : rows.nodeHttp
      runs.push({ row, server: yardstick, target: request.at(yardstick.url) })
    }
    runs.push({ row: rows.service, server: service, target: request.at(service.url) })
  }
  const asked = requests['json-get']
  if (names.has('naive') && asked !== undefined) {
    const naive = await bench.startYardstick('naive')
    runs.push({ row: naiveRow, server: naive, target: asked.at(naive.url) })
  }
  const { connections, seconds } = options
  // Code that was never run is slow; the first round must not be.
  const warmUps = options.quick ? runs.slice(0, 1) : runs
  for (const { target } of warmUps) await sendLoad(target, { connections, seconds: 1 })
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`remembered device: round ${round} of ${options.rounds}`)
    for (const { row, server, target } of runs) {
      const sample = await measureLoad(server, () => sendLoad(target, { connections, seconds }))
      results.add(cachedSection, row, sample)
    }
  }
}
