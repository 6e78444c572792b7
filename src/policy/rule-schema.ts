import { z } from 'zod'
import { decisionReasons, frontendNames, type PolicyRule } from '../decision/policy-rules.ts'
import { unknownWord } from '../decision/text-pattern.ts'
import { isNetwork, networkProblem } from '../networks/networks.ts'
import { devices } from './device-list.ts'
import { plainText } from './text-template.ts'

/** The smallest sensible upper bound of a list; a longer one is a generated file that should be networks or patterns. */
const maxValues = 200

/** One value, or a list of which one has to hold; always a list afterwards. */
const oneOrMore = <T extends z.ZodType>(value: T) =>
  z
    .union([value, z.array(value).min(1, 'must not be empty; leave the key out for any').max(maxValues)])
    .transform((given): z.output<T>[] => (Array.isArray(given) ? given : [given]) as z.output<T>[])

const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values as unknown as [T[number], ...T[number][]], `must be one of ${values.join(', ')}`)

const seconds = z
  .int('must be a whole number of seconds')
  .min(0, 'must not be negative')
  .max(315_360_000, 'must be at most 315360000 (ten years)')

const flag = z.boolean('must be true or false')

const pattern = plainText(256).regex(
  /^[^\uFFFD]*$/,
  'has the replacement character U+FFFD in it: a conversion has lost what was there, write it again',
)

const network = z
  .string('must be a text; put it in quotes')
  .refine((text) => text === unknownWord || isNetwork(text), {
    error: ({ input }) => networkProblem(String(input)),
  })

/** What a rule asks for: every key that is there has to hold. */
export const When = z.strictObject(
  {
    reason: oneOrMore(choice(decisionReasons)).optional().meta({ description: 'Row of the fact table.' }),
    frontend: oneOrMore(choice(frontendNames)).optional().meta({ description: 'How the question came in.' }),
    client: oneOrMore(pattern).optional().meta({ description: 'Name from CLIENTS_FILE; * is any text.' }),
    nasAddress: oneOrMore(network)
      .optional()
      .meta({ description: 'NAS-IP-Address: addresses or networks; unknown: one that cannot be read.' }),
    nasIdentifier: oneOrMore(pattern).optional().meta({
      description: 'NAS-Identifier; * is any text, case does not matter; unknown: it cannot be read.',
    }),
    ssid: oneOrMore(pattern).optional().meta({
      description: 'SSID; * is any text, case matters; unknown: a wireless request without a readable one.',
    }),
    deviceId: devices('deviceId', 'Intune device ids').optional(),
    mac: devices('mac', 'MAC addresses').optional(),
    serialNumber: devices('serialNumber', 'serial numbers').optional(),
    matchedBy: oneOrMore(choice(['deviceId', 'serialNumber', 'imei', 'meid', 'udid', 'mac', 'none']))
      .optional()
      .meta({ description: 'Kind of identifier that decided.' }),
    rank: oneOrMore(
      z.int('must be 1, 2, 3 or 4').min(1, 'must be 1, 2, 3 or 4').max(4, 'must be 1, 2, 3 or 4'),
    )
      .optional()
      .meta({
        description:
          'Rank of that identifier: 1 device id or certificate SAN, 2 certificate CN, 3 serial number and the like, 4 MAC.',
      }),
    rankConflict: flag.optional().meta({ description: 'A lower rank is known to name another device.' }),
    stale: flag.optional().meta({ description: 'An older fact is used because Intune is unavailable.' }),
    staleOlderThanSeconds: seconds
      .optional()
      .meta({ description: 'The same, and the fact is older than this.' }),
    gracePeriodEndsWithinSeconds: seconds
      .optional()
      .meta({ description: 'A grace period runs and ends within this time.' }),
    ownership: oneOrMore(choice(['corporate', 'personal', 'unknown']))
      .optional()
      .meta({ description: 'Who owns the device, where Intune says so.' }),
    os: oneOrMore(pattern).optional().meta({
      description: 'Operating system; * is any text, case does not matter; unknown: Intune does not say.',
    }),
  },
  'must be a map of conditions',
)

const Remediation = z
  .strictObject(
    {
      action: choice([
        'fix_compliance',
        'wait_for_evaluation',
        'enroll',
        'use_device_mac',
        'contact_support',
      ]).optional(),
      url: plainText(200)
        .refine(
          (text) => /^https?:\/\/[\x21-\x7e]+$/i.test(text) && URL.canParse(text),
          'must be an http or https address, percent-encoded',
        )
        .optional(),
      message: plainText(400).optional(),
    },
    'must be a map with action, url or message',
  )
  .meta({ description: 'What the user has to do, where it is not what follows from the reason.' })

/** One rule of the file. It decides, or it limits what the rules below it may decide. */
export const Rule = z
  .strictObject(
    {
      name: plainText(64).meta({ description: 'Shown in the log and by check --explain.' }),
      when: When.optional().meta({
        description: 'Conditions that all have to hold; without any the rule always applies.',
      }),
      decision: choice(['allow', 'remediate', 'deny', 'fail'])
        .optional()
        .meta({ description: 'The answer; fail is HTTP 503.' }),
      atMost: choice(['remediate', 'deny'])
        .optional()
        .meta({ description: 'Instead of decision: limits what the rules below may decide.' }),
      profile: z
        .string('must be the name of a profile')
        .optional()
        .meta({ description: 'Name of a profile: what a RADIUS reply carries.' }),
      reasonText: plainText(128)
        .optional()
        .meta({ description: 'Why, in your words; {reason} in a profile.' }),
      remediation: Remediation.optional(),
    },
    'must be a map with name, when and decision',
  )
  .transform(({ name, when = {}, decision, atMost, ...details }, context): PolicyRule => {
    if (decision !== undefined && atMost === undefined)
      return { name, when, effect: { ...details, decision } }
    if (atMost !== undefined && decision === undefined) return { name, when, effect: { ...details, atMost } }
    context.addIssue({ code: 'custom', message: 'needs decision or atMost, one of the two' })
    return z.NEVER
  })
