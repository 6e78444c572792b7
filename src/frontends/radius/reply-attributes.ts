import type { AttributeProfile, RadiusAttribute } from '../../decision/decision.ts'
import { failure, type Outcome, success } from '../../errors/fault.ts'

/** The naming of FreeRADIUS 3 (`reply:Filter-Id`) or of version 4 (`reply.Filter-Id`). */
export const dialects = ['v3', 'v4'] as const

/** One of them. */
export type Dialect = (typeof dialects)[number]

/**
 * One attribute as rlm_rest reads it. `do_xlat` is false on every one: FreeRADIUS 3 otherwise evaluates `%{...}` in the
 * value, which would let whoever chooses a text run expansions on the RADIUS server.
 */
export interface ReplyAttribute {
  readonly op: ':=' | '+='
  readonly do_xlat: false
  readonly value: readonly (string | number)[]
}

/** Attributes by list and name, ready to be the top level of the answer. */
export type ReplyAttributes = Readonly<Record<string, ReplyAttribute>>

/** RFC 2865 section 5: 255 octets less type and length; a VSA has six more in front (section 5.26). */
const maxPlainOctets = 253
const maxVendorOctets = 247
/** RFC 2865 section 3 allows packets of 4096 octets; EAP, keys and proxies need their share. */
const maxReplyOctets = 3000

// The text attributes of RFC 2865, 2868 and 2869 that a profile may carry. Anything else counts as a vendor's.
const plainTexts: ReadonlySet<string> = new Set([
  'reply-message',
  'filter-id',
  'class',
  'callback-number',
  'connect-info',
  'framed-pool',
  'framed-route',
  'tunnel-private-group-id',
  'tunnel-assignment-id',
])

/**
 * Writes a profile. rlm_rest drops what it does not like and cuts what is too long without a word, and half a profile can
 * open more than the whole one would, so a profile that cannot be written to the letter is refused with
 * `configuration_invalid`. Only Reply-Message, which nobody enforces, is shortened.
 */
export function writeProfile(profile: AttributeProfile, dialect: Dialect): Outcome<ReplyAttributes> {
  const merged = new Map<string, { attribute: RadiusAttribute; values: (string | number)[] }>()
  let octets = 0
  for (const attribute of profile.attributes) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(attribute.name)) return unwritable(profile, 'a name')
    // rlm_rest skips empty values; an attribute without any is not there.
    const values = attribute.values
      .map((value) => writeValue(attribute, value))
      .filter((value) => value !== '')
    if (values.length === 0) continue
    if (values.some((value) => octetsOf(value) > maxOctets(attribute))) {
      return unwritable(profile, attribute.name)
    }
    octets += values.reduce<number>((sum, value) => sum + octetsOf(value) + 8, 0)
    const key = attributeKey('reply', attribute, dialect)
    const entry = merged.get(key) ?? { attribute, values: [] }
    for (const value of values) entry.values.push(value)
    merged.set(key, entry)
  }
  if (octets > maxReplyOctets) return unwritable(profile, 'the sum of all attributes')
  const written = [...merged].map(([key, { attribute, values }]) => {
    return [key, { op: operatorOf(attribute, profile), do_xlat: false, value: values }] as const
  })
  return success(Object.fromEntries(written))
}

/** A Reply-Message: one line, at most 253 octets. */
export function replyMessage(text: string, dialect: Dialect): ReplyAttributes {
  const attribute = { name: 'Reply-Message', values: [] }
  const value = [writeValue(attribute, text)]
  return { [attributeKey('reply', attribute, dialect)]: { op: ':=', do_xlat: false, value } }
}

/** An attribute for the RADIUS server itself; `text` is one of our own words. */
export function controlAttribute(
  name: 'Auth-Type' | 'NAC-Decision' | 'NAC-Reason',
  text: string,
  dialect: Dialect,
): ReplyAttributes {
  return { [attributeKey('control', { name }, dialect)]: { op: ':=', do_xlat: false, value: [text] } }
}

/** A text without control characters, lone surrogates and the start of an expansion. */
export function safeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/%+(?=[{(])/g, '')
    .trim()
}

function attributeKey(
  list: 'reply' | 'control',
  { name, tag }: Pick<RadiusAttribute, 'name' | 'tag'>,
  dialect: Dialect,
): string {
  return `${list}${dialect === 'v4' ? '.' : ':'}${name}${tag === undefined ? '' : `:${tag}`}`
}

/**
 * `:=` replaces every value of the name whatever its tag (FreeRADIUS issue 5298), and AV pairs of other modules; those
 * are appended.
 */
function operatorOf({ name }: RadiusAttribute, { attributes }: AttributeProfile): ReplyAttribute['op'] {
  const same = attributes.filter((other) => other.name.toLowerCase() === name.toLowerCase())
  const severalTags = new Set(same.map(({ tag }) => tag)).size > 1
  return severalTags || /av-?pair$/i.test(name) ? '+=' : ':='
}

function writeValue(attribute: Pick<RadiusAttribute, 'name'>, value: string | number): string | number {
  if (typeof value === 'number') return value
  const text = safeText(value)
  return attribute.name.toLowerCase() === 'reply-message' ? shorten(text, maxPlainOctets) : text
}

function maxOctets({ name, tag }: RadiusAttribute): number {
  const most = plainTexts.has(name.toLowerCase()) ? maxPlainOctets : maxVendorOctets
  return tag === undefined ? most : most - 1
}

function octetsOf(value: string | number): number {
  return typeof value === 'number' ? 4 : Buffer.byteLength(value)
}

/** At most `most` octets of UTF-8, never half a character. */
function shorten(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text
  let octets = 0
  let kept = ''
  for (const character of text) {
    octets += Buffer.byteLength(character)
    if (octets > most - 3) break
    kept += character
  }
  return `${kept.trimEnd()}...`
}

function unwritable(profile: AttributeProfile, what: string) {
  const name = profile.name.slice(0, 64)
  return failure(
    'configuration_invalid',
    `the attribute profile ${JSON.stringify(name)} cannot be sent in a RADIUS reply: ${what} is malformed or too long`,
    { field: what },
  )
}
