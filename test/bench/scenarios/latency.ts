import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { sendAtRate, sendLoad } from '../http-load.ts'
import { measureLoad } from '../measure-load.ts'
import { recordAnswer } from '../record-answer.ts'
import { cachedRequests } from '../requests.ts'
import { cachedRows } from './cached.ts'

export const latencySection = '64 connections at 70 % and at half of the highest rate'
export const latencyNames = ['json-get', 'radius-mab', 'ise-lookup'] as const

/** The yardstick gets the rate of the service's JSON GET: what it shows is the noise of machine and sender. */
export const latencyNoiseRow = 'node:http GET, at the rate of JSON GET'

/** How the row is called that gets half of the highest rate. */
const halfRateRow = 'JSON GET, half of the highest rate'

const share = 0.7

/** How long an answer takes where nobody is at the limit. Latency counts from when a request was due, not sent. */
export async function measureLatency(bench: Bench): Promise<void> {
  const { options, results, access } = bench
  const { connections, seconds } = options
  const requests = cachedRequests(access.authorization)
  const service = await bench.startService('latency')
  const answerFile = join(bench.directory, 'latency.json')
  const first = requests['json-get']
  if (first === undefined) return
  await recordAnswer(first.at(service.url), answerFile)
  const nodeHttp = await bench.startYardstick('node-http', { answerFile })
  for (let round = 1; round <= options.rounds; round += 1) {
    bench.say(`latency: round ${round} of ${options.rounds}`)
    for (const name of options.quick ? (['json-get'] as const) : latencyNames) {
      const target = requests[name]?.at(service.url)
      if (target === undefined) continue
      if (round === 1 && !options.quick) await sendLoad(target, { connections, seconds: 1 })
      const highest = await sendLoad(target, {
        connections,
        seconds: seconds < 1 ? seconds : Math.ceil(seconds / 2),
      })
      const ratePerSecond = Math.floor(highest.requestsPerSecond * share)
      const sample = await measureLoad(service, () =>
        sendAtRate(target, ratePerSecond, { connections, seconds }),
      )
      results.add(latencySection, cachedRows[name].service, { ratePerSecond, ...sample })
      if (name !== 'json-get') continue
      const noise = await measureLoad(nodeHttp, () =>
        sendAtRate(first.at(nodeHttp.url), ratePerSecond, { connections, seconds }),
      )
      results.add(latencySection, latencyNoiseRow, { ratePerSecond, ...noise })
      const halfRate = Math.floor(highest.requestsPerSecond / 2)
      const atHalf = await measureLoad(service, () => sendAtRate(target, halfRate, { connections, seconds }))
      results.add(latencySection, halfRateRow, { ratePerSecond: halfRate, ...atHalf })
    }
  }
}
