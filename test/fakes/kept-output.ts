import { appendFileSync, cpSync, existsSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Settings } from '../../src/config/settings.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

/** Set by `npm test`, which looks for secrets in it afterwards; without it nothing is kept. */
const root = process.env.KEPT_OUTPUT_DIR
let count = 0

/** A name that tells which test file it was and that no other process takes. */
function nextPath(kind: string): string {
  count += 1
  return join(root ?? '', `${basename(process.argv[1] ?? 'test')}.${process.pid}.${count}.${kind}`)
}

/** Takes everything that a service under test writes; every call of keepOutput is a file of its own. */
export function keepOutput(kind: string): (text: string | Buffer) => void {
  if (root === undefined) return () => {}
  const path = nextPath(kind)
  mkdirSync(root, { recursive: true })
  return (text) => appendFileSync(path, text)
}

/** The service's own logger at its finest level, for a server whose log nobody reads. */
export function keptLogger(): Logger {
  return createLogger({ level: 'trace' }, { write: keepOutput('log') })
}

/** Keeps status, header fields and body of every answer that a server gives. */
export function keepReplies(...servers: readonly FastifyInstance[]): void {
  if (root === undefined) return
  const keep = keepOutput('replies')
  for (const server of servers)
    server.addHook('onSend', async (_request, reply, payload) => {
      const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString() : ''
      keep(`${reply.statusCode} ${JSON.stringify(reply.getHeaders())}\n${body}\n`)
      return payload
    })
}

/** Keeps what a service left on its disk: the state, with its log of changes, and the decision log. */
export function keepFilesOf({ stateDir, decisionLog }: Pick<Settings, 'stateDir' | 'decisionLog'>): void {
  if (root === undefined) return
  for (const path of [stateDir, decisionLog?.file]) {
    if (path !== undefined && existsSync(path)) cpSync(path, nextPath('files'), { recursive: true })
  }
}
