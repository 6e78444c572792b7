import type { AttributeProfile, RadiusAttribute } from '../../decision/decision.ts'
import {
  isAttributeName,
  maxProfileOctets,
  maxTextOctets,
  octetsInReply,
} from '../../decision/radius-attribute.ts'
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
  readonly op: ':=' | '+=' | '-=' | '!*'
  readonly do_xlat: false
  readonly value: readonly (string | number)[]
}

/** Attributes by list and name, ready to be the top level of the answer. */
export type ReplyAttributes = Readonly<Record<string, ReplyAttribute>>

/**
 * Where the attributes of a profile go. `reply`: into the reply to this request. `session-state`: into the list that
 * FreeRADIUS keeps for a conversation and that its default site adds to the reply at the end, in post-auth; for EAP that
 * goes on, whose next reply is an Access-Challenge. `last-reply`: into the reply that ends an EAP conversation, in the
 * place of whatever the conversation kept.
 */
export const profilePlaces = ['reply', 'session-state', 'last-reply'] as const

/** One of them. */
export type ProfilePlace = (typeof profilePlaces)[number]

/**
 * Writes a profile. rlm_rest drops what it does not like and cuts what is too long without a word, and half a profile can
 * open more than the whole one would, so a profile that cannot be written to the letter is refused with
 * `configuration_invalid`. Only Reply-Message, which nobody enforces, is shortened.
 */
export function writeProfile(
  profile: AttributeProfile,
  dialect: Dialect,
  place: ProfilePlace = 'reply',
): Outcome<ReplyAttributes> {
  const list = place === 'session-state' ? 'session-state' : 'reply'
  const merged = new Map<string, MergedAttribute>()
  let octets = 0
  for (const attribute of profile.attributes) {
    if (!isAttributeName(attribute.name)) return unwritable(profile, 'a name')
    // rlm_rest skips empty values; an attribute without any is not there.
    const values = attribute.values
      .map((value) => writeValue(attribute, value))
      .filter((value) => typeof value === 'number' || value.trim() !== '')
    if (values.length === 0) continue
    if (values.some((value) => isTooLong(attribute, value))) {
      return unwritable(profile, attribute.name)
    }
    octets += values.reduce<number>((sum, value) => sum + octetsInReply(value), 0)
    const key = attributeKey(list, attribute, dialect)
    const entry = merged.get(key) ?? { attribute, values: [] }
    for (const value of values) entry.values.push(value)
    merged.set(key, entry)
  }
  if (octets > maxProfileOctets) return unwritable(profile, 'the sum of all attributes')
  const written = [...merged].map(([key, { attribute, values }]) => {
    return [key, { op: operatorOf(attribute, profile), do_xlat: false, value: values }] as const
  })
  const removals = dialect === 'v3' ? removalsOf([...merged.values()], profile, place) : {}
  return success({ ...removals, ...Object.fromEntries(written) })
}

interface MergedAttribute {
  readonly attribute: RadiusAttribute
  readonly values: (string | number)[]
}

/** rlm_rest stops reading at 256 values (REST_BODY_MAX_ATTRS), without a word; a few are those of the decision. */
const maxValuesRead = 250

/**
 * Takes away what an earlier answer to the same request brought, so that a site that asks in `authorize` and again in
 * `post-auth` has nothing twice. FreeRADIUS 3 goes through the answer from top to bottom, `:=` replaces the first value of
 * a name and leaves the others, and `+=` adds to what is there (radius_pairmove of src/main/evaluate.c). AV pairs of other
 * modules stay: of those only equal ones go. Names are case-insensitive, so another spelling is a key of its own.
 */
function removalsOf(
  merged: readonly MergedAttribute[],
  profile: AttributeProfile,
  place: ProfilePlace,
): ReplyAttributes {
  const list = place === 'session-state' ? 'session-state' : 'reply'
  const removals: Record<string, ReplyAttribute> = {}
  for (const { attribute, values } of merged) {
    const name = otherSpelling(attribute.name)
    if (place === 'last-reply') removals[`session-state:${name}`] = removal('!*', values.slice(0, 1))
    if (isAvPair(attribute.name)) removals[`${list}:${name}`] = removal('-=', values)
    else if (values.length > 1 || operatorOf(attribute, profile) === '+=') {
      removals[`${list}:${name}`] = removal('!*', values.slice(0, 1))
    }
  }
  const counted = [...merged, ...Object.values(removals).map(({ value }) => ({ values: value }))]
  return counted.reduce((sum, { values }) => sum + values.length, 0) > maxValuesRead ? {} : removals
}

/** `!*` removes every value of the name; the value only has to be one of its type. */
function removal(op: '-=' | '!*', value: readonly (string | number)[]): ReplyAttribute {
  return { op, do_xlat: false, value }
}

function otherSpelling(name: string): string {
  const lower = name.toLowerCase()
  return lower === name ? name.toUpperCase() : lower
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

/** A line without control characters, lone surrogates and the start of an expansion. */
export function safeText(text: string): string {
  return harmless(text).trim()
}

function harmless(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/%+(?=[{(])/g, '')
}

function attributeKey(
  list: 'reply' | 'session-state' | 'control',
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
  return severalTags || isAvPair(name) ? '+=' : ':='
}

function isAvPair(name: string): boolean {
  return /av-?pair$/i.test(name)
}

function writeValue(
  { name, tag }: Pick<RadiusAttribute, 'name' | 'tag'>,
  value: string | number,
): string | number {
  if (typeof value === 'number') return value
  return name.toLowerCase() === 'reply-message'
    ? shorten(safeText(value), maxTextOctets(name, tag))
    : harmless(value)
}

function isTooLong({ name, tag }: RadiusAttribute, value: string | number): boolean {
  return typeof value === 'string' && Buffer.byteLength(value) > maxTextOctets(name, tag)
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
