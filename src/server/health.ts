import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

/** Whether decisions can be made now; every check is `ok` or one sentence that holds no secret. */
export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, string>>
}

/** The answer of /livez: the process runs and answers. */
export const Liveness = z
  .strictObject({ status: z.literal('ok') })
  .meta({ id: 'Liveness', description: 'The process answers.', examples: [{ status: 'ok' }] })

/** The answer of /readyz. */
export const ReadinessAnswer = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(z.string(), z.string()).meta({
      description:
        'Every check by name: `ok`, or `failing`; the management listener says what fails instead of `failing`.',
    }),
  })
  .meta({
    id: 'Readiness',
    description: 'Whether decisions can be made now.',
    examples: [{ status: 'not_ready', checks: { certificate: 'ok', token: 'failing' } }],
  })
export type ReadinessAnswer = z.infer<typeof ReadinessAnswer>

/**
 * Adds GET /livez (always 200) and GET /readyz (200 or 503), both without credentials.
 * `verbose` shows what fails; it is for the management listener, because anyone can read it.
 */
export function registerHealthRoutes(
  app: FastifyInstance,
  { readiness, verbose }: { readonly readiness: () => Readiness; readonly verbose: boolean },
): void {
  app.get('/livez', (_request, reply) => {
    reply.header('cache-control', 'no-store').send({ status: 'ok' } satisfies z.infer<typeof Liveness>)
  })
  app.get('/readyz', (_request, reply) => {
    const { ready, checks } = readiness()
    const shown = Object.entries(checks).map(([name, state]) => {
      return [name, state === 'ok' || verbose ? state : 'failing'] as const
    })
    const answer: ReadinessAnswer = {
      status: ready ? 'ready' : 'not_ready',
      checks: Object.fromEntries(shown),
    }
    reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(answer)
  })
}
