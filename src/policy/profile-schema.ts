import { z } from 'zod'
import type { ProfileDefinition, ProfileValue } from '../decision/policy-profile.ts'
import {
  attributeKeyPattern,
  maxProfileOctets,
  octetsInReply,
  takesTag,
} from '../decision/radius-attribute.ts'
import { attributeText, parseAttributeText, plainText } from './text-template.ts'

/** One attribute of a profile while it is being read. */
type Attribute = ProfileDefinition['attributes'][number]

const wholeNumber = (minimum: number, maximum: number) =>
  z
    .int(`must be a whole number from ${minimum} to ${maximum}`)
    .min(minimum, `must be from ${minimum} to ${maximum}`)
    .max(maximum, `must be from ${minimum} to ${maximum}`)

/** VLAN ids 0 and 4095 are reserved (IEEE 802.1Q). */
const vlanNumber = wholeNumber(1, 4094)
const vlanName = plainText(32)
  .refine(
    (text) => !/^\d+$/.test(text) || vlanNumber.safeParse(Number(text)).success,
    'must be a VLAN id from 1 to 4094, or a name',
  )
  // Also where a word in braces is no placeholder: a VLAN has none.
  .refine((text) => text.trim() !== '' && !/%[{(]/.test(text), 'is not the name of a VLAN')
const vlanId = z.union([vlanNumber, vlanName])

const Vlan = z
  .union([
    vlanNumber,
    vlanName,
    // RFC 2868 section 3.1: tags are 1 to 31.
    z.strictObject({ id: vlanId, tag: wholeNumber(1, 31).optional() }, 'must be a VLAN id, a name, or a map'),
  ])
  .meta({ description: 'VLAN id or name; { id, tag } where the switch wants a tag.' })

/**
 * As FreeRADIUS dictionaries spell names, with an optional tag. Attributes that carry the authentication itself are
 * not for a policy to set.
 */
const AttributeName = z
  .string()
  .regex(attributeKeyPattern, 'is not the name of a RADIUS attribute, with :1 to :31 behind it for a tag')
  .refine((name) => !/^attr-[\d.]+(:|$)/i.test(name), 'must be a name of the dictionary, not a number')
  .refine(
    (name) =>
      !/^(?:(?:eap|ms-mppe|ms-chap2?|chap|rest-http)-.*|(?:proxy-)?state|message-authenticator|(?:user|cleartext)-password|(?:post-)?auth-type)(?::|$)/i.test(
        name,
      ),
    'belongs to the authentication itself and cannot be set by a policy',
  )
  .refine((key) => {
    const { name, tag } = nameAndTag(key)
    return tag === undefined || takesTag(name)
  }, 'takes no tag: FreeRADIUS would leave the attribute out')

function nameAndTag(key: string): { readonly name: string; readonly tag?: number } {
  const [name = '', tag] = key.split(':')
  return tag === undefined ? { name } : { name, tag: Number(tag) }
}

const RawValue = z.union(
  [wholeNumber(0, 4_294_967_295), plainText(1024)],
  'must be a text or a whole number; put texts such as yes in quotes',
)

/** Attributes by their dictionary names, where there is no key of its own for them. */
const RawAttributes = z
  .record(AttributeName, z.union([RawValue, z.array(RawValue).min(1).max(32)]), 'must be a map of attributes')
  .transform((attributes, context): Attribute[] =>
    Object.entries(attributes).map(([key, value]) => {
      const { name, tag } = nameAndTag(key)
      const list = Array.isArray(value) ? value : [value]
      const values = list.map((item, index): ProfileValue => {
        if (typeof item === 'number') return item
        const template = parseAttributeText(item, name, tag)
        if (typeof template === 'string' || 'parts' in template) return template
        context.addIssue({
          code: 'custom',
          path: Array.isArray(value) ? [key, index] : [key],
          message: template.problem,
        })
        return item
      })
      return { name, ...(tag !== undefined && { tag }), values }
    }),
  )

const text = (name: string, description: string) => attributeText(name).optional().meta({ description })

const ProfileKeys = z.strictObject(
  {
    vlan: Vlan.optional(),
    filterId: text('Filter-Id', 'Filter-Id: name of an ACL or group policy.'),
    ciscoUrlRedirect: z
      .strictObject(
        {
          url: attributeText('Cisco-AVPair', 'url-redirect='),
          acl: attributeText('Cisco-AVPair', 'url-redirect-acl='),
        },
        'must be a map with url and acl',
      )
      .optional()
      .meta({ description: 'Cisco-AVPair url-redirect and url-redirect-acl; url is often "{url}".' }),
    arubaUserRole: text('Aruba-User-Role', 'Aruba-User-Role.'),
    airespaceAclName: text('Airespace-ACL-Name', 'Airespace-ACL-Name.'),
    airespaceInterfaceName: text('Airespace-Interface-Name', 'Airespace-Interface-Name.'),
    sessionTimeoutSeconds: wholeNumber(1, 4_294_967_295)
      .optional()
      .meta({ description: 'Session-Timeout: the device is asked to authenticate again after this time.' }),
    terminationAction: z
      .enum(['Default', 'RADIUS-Request'], 'must be Default or RADIUS-Request')
      .optional()
      .meta({
        description: 'Termination-Action; RADIUS-Request keeps the port up while it authenticates again.',
      }),
    replyMessage: text(
      'Reply-Message',
      'Reply-Message; {reason} {decisionId} {device} {message} {url} are filled in.',
    ),
    attributes: RawAttributes.optional().meta({
      description: 'Any other attribute by its dictionary name, one value or a list; "Name:1" sets a tag.',
    }),
  },
  'must be a map of attributes; {} is a profile without any',
)

/** One profile of the file, as the list of attributes that it stands for. */
export const Profile = ProfileKeys.transform((keys, context): Attribute[] => {
  const attributes: Attribute[] = []
  const add = (name: string, value: ProfileValue | undefined, tag?: number) => {
    if (value !== undefined) attributes.push({ name, ...(tag !== undefined && { tag }), values: [value] })
  }
  if (keys.vlan !== undefined) {
    const { id, tag } = typeof keys.vlan === 'object' ? keys.vlan : { id: keys.vlan }
    // RFC 3580 section 3.31; the texts are those of the dictionary of RFC 2868.
    add('Tunnel-Type', 'VLAN', tag)
    add('Tunnel-Medium-Type', 'IEEE-802', tag)
    add('Tunnel-Private-Group-Id', String(id), tag)
  }
  add('Filter-Id', keys.filterId)
  const redirect = keys.ciscoUrlRedirect
  if (redirect) attributes.push({ name: 'Cisco-AVPair', values: [redirect.acl, redirect.url] })
  add('Aruba-User-Role', keys.arubaUserRole)
  add('Airespace-ACL-Name', keys.airespaceAclName)
  add('Airespace-Interface-Name', keys.airespaceInterfaceName)
  add('Session-Timeout', keys.sessionTimeoutSeconds)
  add('Termination-Action', keys.terminationAction)
  add('Reply-Message', keys.replyMessage)
  const ownKeys = attributes.length
  for (const raw of keys.attributes ?? []) {
    const same = attributes.findIndex(
      ({ name, tag }) => name.toLowerCase() === raw.name.toLowerCase() && tag === raw.tag,
    )
    const twin = attributes[same]
    if (twin === undefined) attributes.push(raw)
    // One of these attributes carries one of many settings, so a second list adds to the first.
    else if (same < ownKeys && twin.name === 'Cisco-AVPair') {
      attributes[same] = { ...twin, values: [...twin.values, ...raw.values] }
    } else {
      context.addIssue({
        code: 'custom',
        path: ['attributes', raw.tag === undefined ? raw.name : `${raw.name}:${raw.tag}`],
        message: 'sets an attribute that the profile sets already',
      })
    }
  }
  const octets = attributes
    .flatMap(({ values }) => values)
    .reduce<number>((sum, value) => sum + octetsInReply(value), 0)
  if (octets > maxProfileOctets) {
    context.addIssue({
      code: 'custom',
      message: `comes to ${octets} bytes in a reply, of which at most ${maxProfileOctets} fit`,
    })
  }
  return attributes
})
