import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Fault } from '../errors/fault.ts'
import { createMethodCheck } from './allowed-methods.ts'
import { sendProblem } from './problem.ts'

/** One check. Only `failing` makes the service not ready. No text holds a secret. */
export interface Check {
  readonly status: 'ok' | 'degraded' | 'failing'
  /** Since when, ISO 8601; what is wrong; what to do about it. */
  readonly since?: string
  readonly what?: string
  readonly remedy?: string
  /** Of docs/error-codes.md. */
  readonly code?: string
}

/** Whether decisions can be made now, and the checks that it rests on. */
export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, Check>>
}

/** The answer of /livez: the process runs and answers. */
export const Liveness = z
  .strictObject({ status: z.literal('ok') })
  .meta({ id: 'Liveness', description: 'The process answers.', examples: [{ status: 'ok' }] })

/** The answer of /readyz. */
export const ReadinessAnswer = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(z.string(), z.literal('failing')).meta({
      description:
        'The checks that fail, by name; why, and how every other check is, is said on the management listener alone.',
    }),
  })
  .meta({
    id: 'Readiness',
    description: 'Whether decisions can be made now.',
    examples: [{ status: 'not_ready', checks: { shutdown: 'failing' } }],
  })
export type ReadinessAnswer = z.infer<typeof ReadinessAnswer>

/**
 * Adds GET /livez (always 200: it depends on nothing) and GET /readyz (200 or 503), both without credentials.
 * `verbose` says what is wrong and what to do; it is for the management listener, because anyone can read it. The short
 * form names what fails and nothing else: when Intune cannot be asked is nobody's business, and "ok" would be a lie then.
 */
export function registerHealthRoutes(
  app: FastifyInstance,
  { readiness, verbose }: { readonly readiness: () => Readiness; readonly verbose: boolean },
): void {
  app.addHook('onRequest', createMethodCheck(['/livez', '/readyz'], sendFault))
  app.get('/livez', (_request, reply) => {
    reply.header('cache-control', 'no-store').send({ status: 'ok' } satisfies z.infer<typeof Liveness>)
  })
  app.get('/readyz', (_request, reply) => {
    const { ready, checks } = readiness()
    const status = ready ? 'ready' : 'not_ready'
    const degraded = Object.values(checks).some((check) => check.status !== 'ok')
    reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(
        verbose
          ? { status, degraded, checks }
          : ({ status, checks: shorten(checks) } satisfies ReadinessAnswer),
      )
  })
}

function sendFault(reply: FastifyReply, fault: Fault): void {
  sendProblem(reply, fault)
}

function shorten(checks: Readiness['checks']): ReadinessAnswer['checks'] {
  const failing = Object.entries(checks).filter(([, { status }]) => status === 'failing')
  return Object.fromEntries(failing.map(([name]) => [name, 'failing' as const]))
}
