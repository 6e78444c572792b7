import { z } from 'zod'
import { DecisionTrace } from '../trace/decision-trace.ts'

const count = z.int().min(0)
const time = z.string().meta({ format: 'date-time' })
const timeOrNull = z.string().nullable().meta({ format: 'date-time' })

const check = z.strictObject({
  status: z.enum(['ok', 'degraded', 'failing']).meta({ description: 'Only failing makes it not ready.' }),
  since: z.string().optional().meta({ format: 'date-time', description: 'Since when it says so.' }),
  what: z.string().optional().meta({ description: 'What is to be said, in one sentence or two.' }),
  remedy: z.string().optional().meta({ description: 'What to do about it.' }),
  code: z.string().optional().meta({ description: 'As in docs/error-codes.md.' }),
})

/** The answer of GET /readyz on the management listener. */
export const VerboseReadiness = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    degraded: z.boolean().meta({ description: 'True where any check is not ok.' }),
    checks: z.record(z.string(), check),
  })
  .meta({ id: 'VerboseReadiness', description: 'Every check, with what is wrong and what to do about it.' })

const breaker = {
  breaker: z.enum(['closed', 'open', 'half_open']).meta({ description: 'open: it is not asked.' }),
  cause: z.enum(['failures', 'retry_after']).nullable(),
  openSince: timeOrNull,
  nextProbeAt: timeOrNull,
}
const line = { running: count, waiting: count, shed: count }
const serviceStatus = z.strictObject({
  ...breaker,
  running: line.running.optional(),
  waiting: line.waiting.optional(),
  shed: line.shed.optional(),
})

/** The answer of GET /status. */
export const Status = z
  .strictObject({
    version: z.string().meta({ description: 'Of the program.', examples: ['0.1.0'] }),
    upstream: z
      .strictObject({ ...breaker, ...line, services: z.record(z.string(), serviceStatus) })
      .meta({ description: 'The service of Microsoft that is worst off, the sums, and each of them.' }),
    cache: z.strictObject({
      records: count,
      compliant: count,
      noncompliant: count,
      unknown: count,
      notEnrolled: count,
    }),
    runway: z
      .strictObject({ seenLast24Hours: count, keepAccess: z.record(z.string(), count) })
      .meta({ description: 'How many devices would still be let in so many hours into an outage.' }),
    guard: z.strictObject({
      holding: z.boolean(),
      burst: z.strictObject({ since: time, records: count }).nullable(),
      list: z
        .strictObject({
          cause: z.enum(['mass_flip', 'truncated']),
          since: time,
          wouldTurn: count,
          devices: count,
          devicesBefore: count,
        })
        .nullable(),
      recentFlips: count,
      threshold: z.number(),
    }),
    noncompliantList: z.strictObject({ listedAt: time, devices: count }).nullable(),
    state: z.union([
      z.strictObject({ mode: z.literal('not_configured') }),
      z.strictObject({
        file: z.string(),
        mode: z.enum(['opening', 'read_write', 'read_only', 'memory_only']),
        pendingChanges: count,
        writeLagMs: z.number().min(0),
        writtenRecords: count,
        failedWrites: count,
        isLoaded: z.boolean(),
        problem: z.string().optional(),
        isRewriting: z.boolean(),
        reopened: count,
      }),
    ]),
    traces: z
      .strictObject({
        mode: z.enum(['opening', 'read_write', 'memory_only']),
        waiting: count,
        written: count,
        dropped: count,
        problem: z.string().optional(),
      })
      .nullable()
      .meta({ description: 'The stored stories; null where TRACE_STORE is off.' }),
    decisionLog: z
      .strictObject({ segment: z.string(), seq: z.int(), chain: z.string() })
      .meta({ description: 'The last line: what log verify takes as --head.' }),
  })
  .meta({ id: 'Status', description: 'The service at this moment. New keys may be added.' })
export type Status = z.infer<typeof Status>

/** The answer of GET /decisions. */
export const DecisionsAnswer = z
  .strictObject({
    decisions: z.array(DecisionTrace),
    complete: z.boolean().meta({
      description:
        'False where the search of the stored stories (TRACE_STORE=on) ended before the oldest: it took five seconds, or the file cannot be read. What is here is the newest that was found; since, until and device shorten a search.',
    }),
  })
  .meta({ id: 'Decisions', description: 'The decisions that fit, newest first.' })

/** One remembered device of GET /devices. */
export const RememberedDevice = z
  .strictObject({
    kind: z.string().meta({
      description: 'Kind of the identifier that it is remembered by; certificateCn: a common name.',
      examples: ['mac'],
    }),
    device: z.string().meta({ description: 'That identifier, as LOG_DEVICE_IDS says.' }),
    state: z.enum(['compliant', 'noncompliant', 'unknown', 'not_enrolled']),
    deviceId: z.string().nullable().meta({ description: 'Its Intune device id, where it is known.' }),
    observedAt: time.meta({ description: 'When Intune said so.' }),
    ageSeconds: count,
    freshForSeconds: count.meta({ description: '0: Intune is asked at the next question.' }),
    held: z
      .enum(['regressed', 'mass_flip'])
      .nullable()
      .meta({ description: 'Why what Intune says since does not count yet, or null.' }),
  })
  .meta({ id: 'RememberedDevice', description: 'What is remembered by one identifier.' })
export type RememberedDevice = z.infer<typeof RememberedDevice>

/** The answer of GET /devices. */
export const DevicesAnswer = z
  .strictObject({
    devices: z.array(RememberedDevice),
    next: z
      .string()
      .nullable()
      .meta({ description: 'after of the next page; null where this is the last one.' }),
  })
  .meta({
    id: 'Devices',
    description:
      'A page of what is remembered, in no order. Whatever changes meanwhile, what is there all the while is on one page.',
  })
export type DevicesAnswer = z.infer<typeof DevicesAnswer>

/** The answer of DELETE /devices and DELETE /devices/{kind}/{value}. */
export const Purged = z
  .strictObject({ purged: count.meta({ description: 'How many records were forgotten.' }) })
  .meta({ id: 'Purged', description: 'What was forgotten.' })

/** The answer of POST /guard/accept and /guard/reject. */
export const GuardSettled = z
  .strictObject({
    records: count.meta({ description: 'Records that changed (accept), or answers that were forgotten.' }),
    list: z.boolean().meta({ description: 'Whether a list was held.' }),
  })
  .meta({ id: 'GuardSettled', description: 'What the decision about the guard changed.' })
