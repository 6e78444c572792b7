import { z } from 'zod'
import { decisionReasons } from '../../decision/policy-rules.ts'

const text = z.string().max(4096)
const oneOrMore = z.union([text, z.array(text).max(16)]).meta({
  id: 'IdentifierText',
  description: 'The text as the NAC product has it, or several; a blank one counts as absent.',
})

const oneOrMoreOrNull = z.union([text, z.array(text).max(16), z.null()]).meta({
  id: 'IdentifierTextOrNull',
  description: 'The text as the NAC product has it, or several; a blank one and null count as absent.',
})

/** The identifiers of a question; both ways of asking take the same names. */
function identifiersOf<T extends z.ZodType>(given: T) {
  return {
    mac: given.optional().meta({
      description: 'MAC address (Calling-Station-Id), any usual spelling.',
      examples: ['00:50:56:a4:89:5a'],
    }),
    deviceId: given
      .optional()
      .meta({ description: 'Intune device id (GUID).', examples: ['3eeb9e62-0f3b-4d8d-9c5a-6a4b7a3f9d11'] }),
    imei: given.optional().meta({ description: 'IMEI.', examples: ['490154203237518'] }),
    meid: given.optional().meta({ description: 'MEID.', examples: ['A10000009296F2'] }),
    udid: given.optional().meta({ description: 'Apple UDID.', examples: ['00008020-0015784C218A402E'] }),
    serialNumber: given.optional().meta({ description: 'Serial number.', examples: ['C02ABC12DEFG'] }),
    certificateSan: given.optional().meta({
      description:
        "The client certificate's subject alternative names. Best one by one (a list, or the parameter repeated), URIs as they are and other names with their label (DNS:, email:). In a joined text, as OpenSSL or ClearPass print it, nothing is escaped: a device id counts where it comes first, or behind nothing but Microsoft's SID and IP addresses; elsewhere the next rank decides.",
      examples: ['IntuneDeviceId://3eeb9e62-0f3b-4d8d-9c5a-6a4b7a3f9d11'],
    }),
    certificateCn: given.optional().meta({
      description:
        "The client certificate's common name alone, not its subject: a device id counts where it is the whole name and there is no other.",
      examples: ['3eeb9e62-0f3b-4d8d-9c5a-6a4b7a3f9d11'],
    }),
  }
}

const refreshDescription =
  'true asks Intune again even where a fresh answer is remembered, once in ten seconds for one device. Sooner than that the answer is the remembered one (source cache), and Retry-After says when Intune can be asked.'

/** The query of GET /v1/decision. A name may be repeated. */
export const DecisionQuery = z.strictObject({
  ...identifiersOf(oneOrMore),
  refresh: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: refreshDescription, examples: ['false'] }),
})

/** The body of POST /v1/decision. Many a serialiser writes null for what is not there. */
export const DecisionBody = z
  .strictObject({
    ...identifiersOf(oneOrMoreOrNull),
    refresh: z
      .boolean()
      .nullish()
      .meta({ description: refreshDescription, examples: [false] }),
  })
  .meta({
    id: 'DecisionBody',
    description: 'Which device is asked about: at least one identifier.',
    examples: [{ mac: '00:50:56:a4:89:5a', certificateCn: '3eeb9e62-0f3b-4d8d-9c5a-6a4b7a3f9d11' }],
  })

/** The path of POST /v1/devices/{kind}/{value}/recheck. */
export const RecheckTarget = z.strictObject({
  kind: z.enum(['mac', 'deviceId', 'imei', 'meid', 'udid', 'serialNumber', 'certificateCn']).meta({
    description: 'Kind of the identifier.',
    examples: ['mac'],
  }),
  value: z
    .string()
    .min(1)
    .max(256)
    .meta({ description: 'The identifier, in any usual spelling.', examples: ['00:50:56:a4:89:5a'] }),
})

/** The names of the identifiers, in the order in which messages list them. */
export const identifierNames = Object.keys(identifiersOf(text)) as readonly (keyof ReturnType<
  typeof identifiersOf
>)[]

/** One decision, flat: ClearPass and scripts pick attributes by name. Every key is always there. */
export const DecisionAnswer = z
  .strictObject({
    decision: z.enum(['allow', 'deny', 'remediate']).meta({ description: 'What the network should do.' }),
    reason: z.enum(decisionReasons).meta({ description: 'Why.' }),
    complianceState: z.enum(['compliant', 'noncompliant', 'unknown']).nullable().meta({
      description:
        "Intune's verdict; unknown: enrolled and not evaluated yet, or not enrolled. Null where it could not be determined.",
    }),
    enrolled: z.boolean().nullable().meta({
      description: 'Whether Intune manages the device; null where that could not be determined.',
    }),
    matchedBy: z
      .enum(['deviceId', 'mac', 'imei', 'meid', 'udid', 'serialNumber', 'none'])
      .meta({ description: 'The kind of identifier that decided.' }),
    device: z.string().meta({ description: 'The identifier that decided, in canonical form, or empty.' }),
    source: z.enum(['intune', 'cache', 'last_known', 'none']).meta({
      description:
        'Asked now, remembered and fresh, remembered and held while Intune is unavailable, or nowhere.',
    }),
    observedAt: z.string().nullable().meta({
      format: 'date-time',
      description: 'When Intune said so (UTC), or null where nothing was observed.',
    }),
    ageSeconds: z.int().min(0).meta({ description: 'How old the fact is.' }),
    stale: z
      .boolean()
      .meta({ description: 'True where an older fact is used because Intune is unavailable.' }),
    expiresInSeconds: z.int().min(0).meta({ description: 'How long the caller may rely on the answer.' }),
    remediationAction: z
      .enum(['fix_compliance', 'wait_for_evaluation', 'enroll', 'use_device_mac', 'contact_support'])
      .nullable()
      .meta({ description: 'What the user has to do, or null.' }),
    remediationUrl: z.string().nullable().meta({ description: 'The page to send the user to, or null.' }),
    remediationMessage: z.string().nullable().meta({ description: 'What to tell the user, or null.' }),
    decisionId: z.string().meta({ description: 'Names the decision in the log and in the trace.' }),
    errorCode: z
      .string()
      .regex(/^[a-z_]+$/)
      .nullable()
      .meta({
        description:
          'Why the state could not be determined (docs/error-codes.md); null unless the reason is intune_unavailable.',
      }),
  })
  .meta({
    id: 'DecisionAnswer',
    description: 'A decision. New keys may be added; none is ever left out.',
    examples: [
      {
        decision: 'remediate',
        reason: 'noncompliant',
        complianceState: 'noncompliant',
        enrolled: true,
        matchedBy: 'mac',
        device: '005056A4895A',
        source: 'intune',
        observedAt: '2026-11-22T23:40:00.000Z',
        ageSeconds: 0,
        stale: false,
        expiresInSeconds: 30,
        remediationAction: 'fix_compliance',
        remediationUrl: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
        remediationMessage: 'Open Company Portal, fix what it lists, then try again.',
        decisionId: '5c8f0f5e-7c1d-4c55-9b3e-0f4f5f0a6f0e',
        errorCode: null,
      },
    ],
  })
export type DecisionAnswer = z.infer<typeof DecisionAnswer>

/**
 * The schema that Fastify's serialiser is compiled from; it also fixes the order of the keys. Its `nullable` (OpenAPI
 * 3.0) compiles to one comparison, where JSON Schema's anyOf would run a validator for every answer.
 */
export const decisionAnswerSerialization = z.toJSONSchema(DecisionAnswer, {
  target: 'openapi-3.0',
  metadata: z.registry(),
})
