import { X509Certificate } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { z } from 'zod'
import type { ListenerSet } from '../config/load-settings.ts'
import { printable } from '../text/printable.ts'
import { tlsProtocol, verifiesPeer } from '../tls/secure-defaults.ts'
import { exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configuredListeners } from './configured.ts'
import { parseUrl, reasonOf, type Target, targetOf, trustOf } from './own-listener.ts'
import { widest } from './table.ts'

const timeoutMs = 2500
const maxReplyLength = 64 * 1024

const Check = z.object({
  status: z.string(),
  since: z.string().optional(),
  what: z.string().optional(),
  remedy: z.string().optional(),
})
type ShownCheck = z.infer<typeof Check>

/** Both forms of /readyz: the short one has a word for each check. */
const Answer = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.union([z.string().transform((status): ShownCheck => ({ status })), Check])),
})

const form = {
  name: 'health',
  usage: ['[options]'],
  does: [
    'Asks /readyz of the service on this machine and says in one line what it found.',
    'For health checks of images without a shell. Of the variables of the service it needs SERVICE_* and',
    'MANAGEMENT_* alone, where they are not the defaults; it trusts the certificate of the service.',
  ],
  options: {
    url: { type: 'string', argument: 'URL', meaning: 'another address (default: that of the variables)' },
    verbose: {
      type: 'boolean',
      default: false,
      meaning: 'ask the management listener and print each check',
    },
  },
  examples: ['health --verbose', 'health --url http://127.0.0.1:9090'],
  exitCodes: {
    0: 'ready',
    1: `not ready, or no answer within ${timeoutMs / 1000} seconds`,
    78: 'one of these variables is wrong',
  },
} as const satisfies CommandForm

/** `intune-nac health` */
export const health = defineCommand(form, async ({ values }, context) => {
  let target: Target
  if (values.url === undefined) {
    const listeners = configuredListeners(context)
    if (!listeners) return exitCodes.wrongConfiguration
    target = localTarget(listeners, values.verbose)
  } else target = { url: parseUrl(values.url) }
  try {
    const { status, text } = await fetchReadiness(target)
    const { status: said, checks } = Answer.parse(JSON.parse(text))
    const failing = Object.entries(checks).filter(([, check]) => check.status === 'failing')
    if (values.verbose) context.out(listChecks(checks))
    if (status === 200 && said === 'ready') {
      if (!values.verbose) context.out('ready')
      return exitCodes.fine
    }
    context.err(
      printable(
        `not ready: ${failing.map(([name, { what }]) => (what ? `${name}: ${what}` : name)).join('; ')}`,
      ),
    )
  } catch (error) {
    context.err(`no answer from ${target.url.origin}: ${printable(reasonOf(error, timeoutMs))}`)
  }
  return exitCodes.no
})

/** The service's own listener, since that is what callers need; not where it wants a certificate that this command has not. */
function localTarget({ service, serviceTls, management }: ListenerSet, verbose: boolean): Target {
  if (verbose || serviceTls?.clientCaFile !== undefined) return targetOf(management, management.tls)
  return targetOf(service, serviceTls)
}

async function fetchReadiness(target: Target): Promise<{ status: number; text: string }> {
  const { url } = target
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const trust = await trustOf(target)
  return new Promise((resolve, reject) => {
    const options = {
      agent: false,
      insecureHTTPParser: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...tlsProtocol,
      ...verifiesPeer,
      ...trust,
    } as const
    // Judged by refusalOf: one that has expired is still the service's own, and /readyz says what is wrong with it.
    const unverified = trust === undefined ? {} : { rejectUnauthorized: false }
    const asked = request(new URL('/readyz', url), { ...options, ...unverified }, (reply) => {
      const refused = trust && refusalOf(reply.socket, trust.ca)
      if (refused !== undefined) {
        reply.destroy()
        return reject(refused)
      }
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => {
        text += chunk
        if (text.length > maxReplyLength) reply.destroy(new Error('the answer is too long'))
      })
      reply.once('error', reject)
      reply.once('end', () => resolve({ status: reply.statusCode ?? 0, text }))
    })
    asked.once('error', reject)
    asked.end()
  })
}

/** Why the certificate of the service is not believed; undefined for one that verifies, and for the very one of the file. */
function refusalOf(socket: Socket, ownPem: string): Error | undefined {
  if (!(socket instanceof TLSSocket)) return new Error('the connection is not encrypted')
  if (socket.authorized) return undefined
  const shown = socket.getPeerX509Certificate()
  if (shown?.raw.equals(new X509Certificate(ownPem).raw)) return undefined
  return Object.assign(new Error('the certificate is another one'), {
    code: String(socket.authorizationError),
  })
}

function listChecks(checks: Readonly<Record<string, ShownCheck>>): string {
  const names = Object.keys(checks).map(printable)
  const width = widest(names)
  return Object.values(checks)
    .map(({ status, since = '', what, remedy }, index) => {
      const first = `${(names[index] ?? '').padEnd(width)}  ${printable(status).padEnd(8)}  ${printable(since)}`
      // A file may have several mistakes, one on each line.
      const more = [what, remedy].flatMap((text) => text?.split('\n').map(printable) ?? [])
      return [first.trimEnd(), ...more.map((text) => `${' '.repeat(width + 2)}${text}`)].join('\n')
    })
    .join('\n')
}
