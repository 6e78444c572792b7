import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { decisionReasons } from '../decision/policy-rules.ts'
import { sentAnswers } from '../decision/sent-answer.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { didYouMean } from '../nearest-name.ts'
import type { DecisionFilter } from '../trace/decision-filter.ts'
import { sendProblem } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The query parameters that a route of the management listener takes; absent: none. */
    query?: z.ZodObject
  }
}

const maxAlternatives = 16
const text = z.string('must be given once').min(1, 'must not be empty').max(512, 'is too long')
const texts = z.array(text).max(maxAlternatives, `can be given ${maxAlternatives} times at most`).optional()
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z
    .array(
      z.enum(values, {
        error: ({ input }) => `must be one of ${values.join(', ')}${didYouMean(String(input), values)}`,
      }),
    )
    .max(maxAlternatives, `can be given ${maxAlternatives} times at most`)
    .optional()
const limit = (standard: number) =>
  z
    .string('must be given once')
    .regex(/^([1-9]\d{0,2}|1000)$/, 'must be from 1 to 1000')
    .optional()
    .meta({
      description: `How many at most, from 1 to 1000; ${standard} unless it is said.`,
      examples: ['20'],
    })
const moment = (description: string) =>
  z
    .string('must be given once')
    .refine(
      isMoment,
      'must be a time such as 2026-11-23T08:00:00Z, or how long ago: 90s, 15m, 24h, 2d; a + in it is written %2B',
    )
    .optional()
    .meta({ description, examples: ['24h', '2026-11-23T08:00:00Z'] })

/** The query of GET /decisions. What may be given several times is any of the values; all parameters have to fit. */
export const DecisionsQuery = z.strictObject({
  device: text.optional().meta({
    description: 'An identifier of any kind, in any usual spelling.',
    examples: ['00:50:56:a4:89:5a'],
  }),
  decision: oneOf(['allow', 'deny', 'remediate', 'fail']).meta({ description: 'What was decided.' }),
  sent: oneOf(sentAnswers).meta({ description: 'What the network was told.' }),
  reason: oneOf(decisionReasons).meta({ description: 'Why: the reason code.' }),
  client: texts.meta({ description: 'Name of the client that asked.', examples: [['ise-psn-1']] }),
  nas: texts.meta({
    description: 'NAS-IP-Address or NAS-Identifier of the request.',
    examples: [['10.1.2.3']],
  }),
  since: moment('Decided then or later.'),
  until: moment('Decided then or earlier.'),
  limit: limit(50),
})

/** The states that remembered devices are filtered by. */
export const deviceStates = ['compliant', 'noncompliant', 'unknown', 'not_enrolled'] as const
export type DeviceState = (typeof deviceStates)[number]

/** The query of GET /devices. */
export const DevicesQuery = z.strictObject({
  state: oneOf(deviceStates).meta({ description: 'What Intune said last; several are alternatives.' }),
  after: z
    .string('must be given once')
    .regex(/^\d{1,9}$/, 'must be what next of the page before says')
    .optional()
    .meta({ description: 'Where the page begins: next of the page before.', examples: ['4711'] }),
  limit: limit(100),
})

/** Which remembered devices are asked for. */
export interface DevicesPage {
  readonly states?: readonly DeviceState[] | undefined
  /** Where the page begins; absent: at the beginning. */
  readonly after?: number | undefined
  readonly limit: number
}

/** Reads the query of GET /decisions. Fails with `request_malformed` (field: the parameter). */
export function parseDecisionsQuery(
  query: unknown,
  nowMs: number,
): Outcome<{ readonly filter: DecisionFilter; readonly limit: number }> {
  const read = readQuery(DecisionsQuery, query)
  if (!read.ok) return read
  const { limit = '50', since, until, ...filter } = read.value
  const [sinceMs, untilMs] = [since, until].map((at) => (at === undefined ? undefined : momentMs(at, nowMs)))
  return success({ filter: { ...filter, sinceMs, untilMs }, limit: Number(limit) })
}

/** Reads the query of GET /devices. Fails with `request_malformed` (field: the parameter). */
export function parseDevicesQuery(query: unknown): Outcome<DevicesPage> {
  const read = readQuery(DevicesQuery, query)
  if (!read.ok) return read
  const { state, after, limit = '100' } = read.value
  return success({
    states: state,
    after: after === undefined ? undefined : Number(after),
    limit: Number(limit),
  })
}

/** A hook for every route of the listener: a parameter that the route does not take is 400, and never passed over. */
export function refuseUnknownParameters(
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  const { url, config } = request.routeOptions
  const known = Object.keys(config.query?.shape ?? {})
  const wrong = Object.keys(request.query as object).find((name) => !known.includes(name))
  if (url === undefined || wrong === undefined) {
    done()
    return
  }
  const shown = wrong.slice(0, 40).replace(/[^\x20-\x7e]|["\\]/g, '?')
  const accepted = known.length === 0 ? 'This address takes none' : `Accepted: ${known.join(', ')}`
  const near = didYouMean(wrong, known) || '.'
  const message = `"${shown}" is not a known query parameter${near} ${accepted}.`
  sendProblem(reply, failure('request_malformed', message, { field: shown }).fault)
}

/** A parameter that may be given several times is a list, however often it is. */
function readQuery<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  query: unknown,
): Outcome<z.infer<z.ZodObject<Shape>>> {
  const given = Object.entries(query as Record<string, string | string[]>).map(([name, value]) => [
    name,
    isList(schema.shape[name]) ? [value].flat() : value,
  ])
  const read = schema.safeParse(Object.fromEntries(given))
  if (read.success) return success(read.data as z.infer<z.ZodObject<Shape>>)
  const [issue] = read.error.issues
  const field = String(issue?.path[0] ?? '')
  const problem = `${field} ${issue?.message}`
  return failure('request_malformed', problem.endsWith('?') ? problem : `${problem}.`, { field })
}

function isList(schema: unknown): boolean {
  return schema instanceof z.ZodOptional && schema.unwrap() instanceof z.ZodArray
}

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const isoForm = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/

function momentMs(text: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count === undefined) return isoForm.test(text) ? Date.parse(text) : Number.NaN
  return nowMs - Number(count) * units[unit as keyof typeof units]
}

function isMoment(text: string): boolean {
  return !Number.isNaN(momentMs(text, 0))
}
