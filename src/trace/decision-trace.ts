import { z } from 'zod'
import { sentAnswers } from '../decision/sent-answer.ts'

const textOrNull = z.string().nullable()

/** How one decision came about, as it is shown: flat where it can be, every key always there. */
export const DecisionTrace = z
  .strictObject({
    decisionId: z.string().meta({ description: 'As in the answer, its header field and the log.' }),
    decidedAt: z.string().meta({ format: 'date-time', description: 'When it was decided (UTC).' }),
    totalMs: z.int().min(0).meta({ description: 'How long it took.' }),
    traceId: textOrNull.meta({
      description: "The trace of the request's traceparent (W3C Trace Context), or null.",
    }),
    decision: z.enum(['allow', 'deny', 'remediate', 'fail']).meta({
      description: 'What was decided; fail is an answer 503.',
    }),
    // With a default, because the trace store has stories of earlier versions.
    sent: z.enum(sentAnswers).nullable().default(null).meta({
      description:
        'What the network was told: accept, redirect or reject (RADIUS, JSON), compliant, noncompliant or unregistered (ISE), unavailable; null where it was told nothing yet, in the middle of EAP.',
    }),
    reason: z.string().meta({ description: 'Why: the reason code.' }),
    reasonText: textOrNull.meta({ description: "Why, in the words of the site's policy, or null." }),
    request: z
      .strictObject({
        frontend: z.enum(['json', 'radius', 'ise']),
        client: z.string(),
        refresh: z.boolean(),
        nasIpAddress: textOrNull,
        nasIdentifier: textOrNull,
        // With a default, because the trace store has stories of earlier versions.
        nas: z.array(z.string()).default([]).meta({
          description:
            'Every text that names the NAS, or may: what the filter nas of GET /decisions looks at.',
        }),
        ssid: textOrNull,
        // With a default, because the trace store has stories of earlier versions.
        unknown: z.array(z.enum(['nasAddress', 'nasIdentifier', 'ssid'])).default([]),
        certificateExpiresAt: textOrNull,
      })
      .meta({
        description:
          'Who asked, through which front end, and from where; unknown: what of it could not be read for certain.',
      }),
    identifiers: z
      .array(
        z.strictObject({
          kind: z.string(),
          origin: z.string(),
          rank: z.int().min(1).max(4),
          value: z.string(),
          result: z.enum(['decided', 'not_supported', 'not_needed', 'conflict', 'randomized']),
        }),
      )
      .meta({
        description:
          'What named the device, best rank first: it decided, Intune has no query for it, a better one decided, two name two devices, or a random MAC.',
      }),
    rankConflict: z
      .boolean()
      .meta({ description: 'True where a lower rank is known to name another device.' }),
    unreadable: z
      .array(z.enum(['certificateSan', 'certificateCn']))
      .default([])
      .meta({
        description:
          'Names of the certificate that held a device id which did not count, because it can be read in two ways.',
      }),
    fact: z
      .strictObject({
        source: z.enum(['intune', 'cache', 'last_known', 'none']),
        cache: z.string().meta({ description: 'The verdict of the cache (docs/caching.md), or none.' }),
        enrolled: z.boolean().nullable(),
        complianceState: z.enum(['compliant', 'noncompliant', 'unknown']).nullable(),
        deviceId: textOrNull,
        gracePeriodEndsAt: textOrNull,
        observedAt: textOrNull,
        ageSeconds: z.int().min(0),
        stale: z.boolean(),
        held: z.enum(['regressed', 'mass_flip']).nullable(),
      })
      .meta({
        description:
          'What was known about the device, and how old it was; enrolled and complianceState are null where nothing was.',
      }),
    upstream: z
      .strictObject({ api: z.string(), status: z.int(), requestId: z.string(), durationMs: z.int().min(0) })
      .nullable()
      .meta({ description: 'The exchange with Microsoft that gave the fact; null where none was needed.' }),
    fault: z
      .strictObject({
        code: z.string(),
        message: z.string(),
        remedy: z.string(),
        hop: textOrNull,
        host: textOrNull,
        status: z.int().nullable(),
        requestId: textOrNull,
      })
      .nullable()
      .meta({ description: 'Why Intune could not be asked, or null.' }),
    rule: textOrNull.meta({ description: 'The policy rule that decided.' }),
    rules: z
      .array(
        z.strictObject({
          rule: z.string(),
          result: z.enum(['fired', 'capped', 'passed_over']),
          unmet: z.array(z.string()),
          unclear: z.array(z.string()).default([]),
        }),
      )
      .meta({
        description:
          'The rules in their order, up to the one that fired, with what kept each from it; unclear: conditions that count as met because nobody can say and the rule refuses or limits.',
      }),
    profile: z
      .strictObject({
        name: z.string(),
        attributes: z.array(
          z.strictObject({
            name: z.string(),
            tag: z.int().nullable(),
            values: z.array(z.union([z.string(), z.number()])),
          }),
        ),
      })
      .nullable()
      .meta({ description: 'The RADIUS attributes of the policy, or null.' }),
    remediation: z
      .strictObject({ action: z.string(), url: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'What the user has to do, or null.' }),
  })
  .meta({ id: 'DecisionTrace', description: 'How one decision came about. New keys may be added.' })
export type DecisionTrace = z.infer<typeof DecisionTrace>
