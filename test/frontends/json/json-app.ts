import type { InjectOptions } from 'fastify'
import type { Logger } from 'pino'
import type { Test } from 'tap'
import type { Decide, DecisionRequest } from '../../../src/decision/decide.ts'
import type { Decision } from '../../../src/decision/decision.ts'
import { type Outcome, success } from '../../../src/errors/fault.ts'
import { frontends } from '../../../src/frontends/frontends.ts'
import { type Authenticate, createAuthenticator } from '../../../src/server/authentication.ts'
import type { Readiness } from '../../../src/server/health.ts'
import { createServer } from '../../../src/server/server.ts'
import { keepReplies, keptLogger } from '../../fakes/kept-output.ts'
import { expectDocumented } from '../../openapi/validate-reply.ts'

/** A compliant device, remembered. */
export const allowed: Decision = {
  decisionId: 'd-1',
  outcome: 'allow',
  reason: 'compliant',
  complianceState: 'compliant',
  enrolled: true,
  matchedBy: 'mac',
  device: '005056A4895A',
  source: 'cache',
  observedAtMs: Date.UTC(2026, 10, 22, 23, 40),
  ageMs: 41_900,
  stale: false,
  expiresInMs: 558_100,
}

/** The JSON front end over a scripted decision service; every reply is checked against openapi.yaml. */
export function createJsonApp(
  t: Test,
  options: { decide?: Decide; authenticate?: Authenticate; logger?: Logger; readiness?: Readiness } = {},
) {
  const requests: DecisionRequest[] = []
  let outcome: Outcome<Decision> = success(allowed)
  const app = createServer({
    logger: options.logger ?? keptLogger(),
    decide: async (request) => {
      requests.push(request)
      return options.decide?.(request) ?? outcome
    },
    authenticate: options.authenticate ?? createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => options.readiness ?? { ready: true, checks: { token: { status: 'ok' } } },
  })
  keepReplies(app)
  t.teardown(() => app.close())

  return {
    app,
    /** What the decision service was asked. */
    requests,
    decides(next: Outcome<Decision>) {
      outcome = next
    },
    async inject(given: InjectOptions | string) {
      const request = typeof given === 'string' ? { url: given } : given
      const reply = await app.inject(request)
      const url = String(request.url)
      const path = url.split('?')[0] ?? ''
      expectDocumented(t, { method: request.method ?? 'GET', path, reply })
      return reply
    },
  }
}
