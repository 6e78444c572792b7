/**
 * A text of the request that rules look at. Plain where it was read for certain. Absent from the context: the request
 * has no such thing, as a wired one has no SSID.
 */
export type ContextText = string | UnclearText

/** A text that could not be read for certain. What a rule makes of it depends on what the rule does: see `Truth`. */
export interface UnclearText {
  /** What it is all but certainly, and what a rule that lets devices in may rely on. Absent: nothing may be relied on. */
  readonly text?: string
  /** Other texts that it may be. */
  readonly alternatives: readonly string[]
  /** True where it may also be a text that the request does not hold. */
  readonly isOpen: boolean
  /** True where the alternatives are guesses, and there may be no such text at all. */
  readonly isGuessed?: boolean
}

/** A text that is there and that nobody can read. */
export const unreadable: UnclearText = Object.freeze({ alternatives: Object.freeze([]), isOpen: true })

/** Where a supplicant is asking from, as far as the front end was told. Untrusted texts, trimmed and bounded. */
export interface RequestContext {
  /** In the spelling of `canonicalAddress`. */
  readonly nasIpAddress?: ContextText
  readonly nasIdentifier?: ContextText
  readonly ssid?: ContextText
}

/** Who asks and at which port, as the decision log tells it. No rule looks at it. Untrusted texts, bounded. */
export interface RequestOrigin {
  readonly nasPort?: string
  readonly nasPortId?: string
  /** User-Name: what the NAS or the supplicant wrote, and nobody has verified. */
  readonly user?: string
  /** The user that the certificate of the device names. */
  readonly certificateUser?: string
}

/** The parts of a context, by the names of the conditions that look at them. */
export const contextConditions = {
  nasAddress: 'nasIpAddress',
  nasIdentifier: 'nasIdentifier',
  ssid: 'ssid',
} as const satisfies Record<string, keyof RequestContext>

/** The name of a condition that looks at the context. */
export type ContextConditionName = keyof typeof contextConditions

/** The conditions whose text nothing may be relied on of: what `unknown` in a rule is about. */
export function unknownContext(context: RequestContext | undefined): readonly ContextConditionName[] {
  if (context === undefined) return none
  const { nasIpAddress, nasIdentifier, ssid } = context
  if (typeof nasIpAddress !== 'object' && typeof nasIdentifier !== 'object' && typeof ssid !== 'object') {
    return none
  }
  const names = Object.keys(contextConditions) as ContextConditionName[]
  return names.filter((name) => isUnknown(context[contextConditions[name]]))
}

const none: readonly ContextConditionName[] = []

/** True where there is a text, and nobody can say which. */
export function isUnknown(given: ContextText | undefined): boolean {
  return typeof given === 'object' && given.text === undefined
}

/** Every text that it may be, the most likely one first. */
export function textsOf(given: ContextText): readonly string[] {
  if (typeof given === 'string') return [given]
  return given.text === undefined ? given.alternatives : [given.text, ...given.alternatives]
}

/** As a person reads it: `Corp`, `Corp or Vault`, or `unknown`; null where the request has none. */
export function presentContextText(given: ContextText | undefined): string | null {
  if (given === undefined) return null
  if (typeof given === 'string') return given
  if (given.text !== undefined) return given.text
  return given.alternatives.length > 0 ? given.alternatives.slice(0, 4).join(' or ') : 'unknown'
}

/** Every text that names the NAS, or may: its address and its name, as the front end read them. */
export function nasTexts({ nasIpAddress, nasIdentifier }: RequestContext = {}): readonly string[] {
  return [
    ...new Set([nasIpAddress, nasIdentifier].flatMap((given) => (given === undefined ? [] : textsOf(given)))),
  ]
}
