import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canPin, loadCore } from './pinned-process.ts'

/** One request that is sent again and again. */
export interface LoadTarget {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Makes it a POST. */
  readonly body?: string
}

/** What one run of load saw. Latencies in milliseconds. */
export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Answers other than 2xx, and connections that failed. */
  readonly failed: number
}

/** wrk is written in C and leaves the server as the slower side; autocannon stands in where wrk is not installed. */
export const loadTool =
  spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error === undefined ? 'wrk' : 'autocannon'

/** Sends `target` over `connections` for `seconds`, from the core that the server does not have. */
export async function sendLoad(
  target: LoadTarget,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<LoadResult> {
  return loadTool === 'wrk'
    ? sendWithWrk(target, connections, seconds)
    : sendWithAutocannon(target, connections, seconds)
}

/** Lua for wrk: the request, and the summary as one line of JSON. wrk counts in microseconds. */
function wrkScript({ headers = {}, body }: LoadTarget): string {
  return [
    ...(body === undefined ? [] : ['wrk.method = "POST"', `wrk.body = ${JSON.stringify(body)}`]),
    ...Object.entries(headers).map(
      ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
    ),
    'function done(summary, latency, requests)',
    '  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout',
    '  io.write(string.format(\'\\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p999":%d,"failed":%d}\\n\',',
    '    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), failed))',
    'end',
  ].join('\n')
}

async function sendWithWrk(target: LoadTarget, connections: number, seconds: number): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), 'intune-nac-bench-'))
  try {
    const script = join(directory, 'request.lua')
    writeFileSync(script, wrkScript(target))
    const output = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, target.url])
    const line = output.split('\n').find((text) => text.startsWith('{')) ?? '{}'
    const seen = JSON.parse(line) as Record<
      'requests' | 'microseconds' | 'p50' | 'p99' | 'p999' | 'failed',
      number
    >
    return {
      requestsPerSecond: (seen.requests * 1_000_000) / seen.microseconds,
      p50Ms: seen.p50 / 1000,
      p99Ms: seen.p99 / 1000,
      p999Ms: seen.p999 / 1000,
      failed: seen.failed,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function sendWithAutocannon(
  target: LoadTarget,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const headers = Object.entries(target.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const body = target.body === undefined ? [] : ['-m', 'POST', '-b', target.body]
  const args = ['-c', String(connections), '-d', String(seconds), '--json', ...headers, ...body, target.url]
  const output = await run('autocannon', args)
  const seen = JSON.parse(output.slice(output.indexOf('{'))) as {
    requests: { average: number }
    latency: { p50: number; p99: number; p99_9: number }
    non2xx: number
    errors: number
  }
  return {
    requestsPerSecond: seen.requests.average,
    p50Ms: seen.latency.p50,
    p99Ms: seen.latency.p99,
    p999Ms: seen.latency.p99_9,
    failed: seen.non2xx + seen.errors,
  }
}

function run(command: string, args: readonly string[]): Promise<string> {
  const [program, ...rest] = canPin
    ? ['taskset', '-c', String(loadCore), command, ...args]
    : [command, ...args]
  const child = spawn(program ?? command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command}: ${complaint}`)),
    )
  })
}
