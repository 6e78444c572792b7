import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keptPrefix } from './addresses.ts'
import { loadCore, onCores } from './cores.ts'
import { type LoadResult, type LoadTarget, wireParts } from './load-target.ts'
import type { SenderTask } from './sender.ts'

export interface LoadOptions {
  readonly connections: number
  readonly seconds: number
  /** The core that the server does not have, unless others are given. */
  readonly cores?: number | readonly number[]
}

/** wrk is written in C and leaves the server as the slower side; autocannon stands in where wrk is not installed. */
export const loadTool =
  spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error === undefined ? 'wrk' : 'autocannon'

/** Sends `target` as fast as the server answers. */
export async function sendLoad(target: LoadTarget, options: LoadOptions): Promise<LoadResult> {
  // Neither takes a part of a second, and autocannon no address that changes.
  const isOwn = options.seconds < 1 || (target.macs !== undefined && loadTool !== 'wrk')
  if (!isOwn && loadTool === 'wrk') return sendWithWrk(target, options)
  if (isOwn) return sendWithSender({ target, ...options })
  return sendWithAutocannon(target, options)
}

/** So long it takes until our own sender is compiled: before that it is the slower side. */
const warmUpSeconds = 3

/** Sends `target` so many times a second, whether the server keeps up or not. */
export async function sendAtRate(
  target: LoadTarget,
  ratePerSecond: number,
  options: LoadOptions,
): Promise<LoadResult> {
  const warmUp = Math.min(warmUpSeconds, options.seconds)
  return sendWithSender({ target, ...options, ratePerSecond, warmUpSeconds: warmUp })
}

/** Lua for wrk: the request, and the summary as one line of JSON. wrk counts in microseconds. */
function wrkScript(target: LoadTarget): string {
  return [
    ...(target.macs === undefined ? sameRequest(target) : randomRequest(target, target.macs)),
    'function done(summary, latency, requests)',
    '  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout',
    '  io.write(string.format(\'\\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p999":%d,"failed":%d}\\n\',',
    '    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), failed))',
    'end',
  ].join('\n')
}

/** Made once by wrk itself, which costs it least. */
function sameRequest({ headers = {}, body }: LoadTarget): readonly string[] {
  return [
    ...(body === undefined ? [] : ['wrk.method = "POST"', `wrk.body = ${luaText(body)}`]),
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${luaText(name)}] = ${luaText(value)}`),
  ]
}

function randomRequest(target: LoadTarget, macs: number): readonly string[] {
  const [before, after] = wireParts(target)
  return [
    'math.randomseed(os.time())',
    'function request()',
    `  local mac = string.format("${keptPrefix}%08X", math.random(0, ${macs - 1}))`,
    `  return ${luaText(before)} .. mac .. ${luaText(after)}`,
    'end',
  ]
}

/** For the ASCII that is sent here the escapes of JSON are those of Lua. */
function luaText(text: string): string {
  return JSON.stringify(text)
}

async function sendWithWrk(
  target: LoadTarget,
  { connections, seconds, cores }: LoadOptions,
): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), 'intune-nac-bench-'))
  try {
    const script = join(directory, 'request.lua')
    writeFileSync(script, wrkScript(target))
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, target.url]
    const output = await run('wrk', args, cores)
    const line = output.split('\n').find((text) => text.startsWith('{')) ?? '{}'
    const seen = JSON.parse(line) as Record<
      'requests' | 'microseconds' | 'p50' | 'p99' | 'p999' | 'failed',
      number
    >
    return {
      requests: seen.requests,
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
  { connections, seconds, cores }: LoadOptions,
): Promise<LoadResult> {
  const headers = Object.entries(target.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const body = target.body === undefined ? [] : ['-m', 'POST', '-b', target.body]
  const args = ['-c', String(connections), '-d', String(seconds), '--json', ...headers, ...body, target.url]
  const output = await run('autocannon', args, cores)
  const seen = JSON.parse(output.slice(output.indexOf('{'))) as {
    requests: { average: number; total: number }
    latency: { p50: number; p99: number; p99_9: number }
    non2xx: number
    errors: number
  }
  return {
    requests: seen.requests.total,
    requestsPerSecond: seen.requests.average,
    p50Ms: seen.latency.p50,
    p99Ms: seen.latency.p99,
    p999Ms: seen.latency.p99_9,
    failed: seen.non2xx + seen.errors,
  }
}

async function sendWithSender({ cores, ...task }: SenderTask & Pick<LoadOptions, 'cores'>) {
  const sender = join(import.meta.dirname, 'sender.ts')
  const output = await run(process.execPath, [sender, JSON.stringify(task)], cores)
  return JSON.parse(output) as LoadResult
}

function run(command: string, args: readonly string[], cores: LoadOptions['cores'] = loadCore) {
  const [program, rest] = onCores(cores, command, args)
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  return new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command}: ${complaint}`)),
    )
  })
}
