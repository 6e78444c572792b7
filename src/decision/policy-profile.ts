import type { AttributeProfile, RadiusAttribute } from './decision.ts'

/** The placeholders that a text of a profile may hold, each written `{name}`. */
export const placeholderNames = ['reason', 'decisionId', 'device', 'message', 'url'] as const

/** One of the placeholders. */
export type Placeholder = (typeof placeholderNames)[number]

/** What the placeholders stand for in one decision. */
export type PlaceholderValues = Readonly<Record<Placeholder, string>>

/** One value of an attribute: a number, a fixed text, or a text with placeholders in it. */
export type ProfileValue = number | string | TextTemplate

/** Literal texts and placeholders in their order, and how long the whole may get on the wire. */
export interface TextTemplate {
  readonly parts: readonly (string | { readonly placeholder: Placeholder })[]
  /** Longest filled text, in bytes of UTF-8. */
  readonly maxBytes: number
}

/** A named set of attributes as the site wrote it, checked. */
export interface ProfileDefinition {
  readonly name: string
  readonly attributes: readonly {
    readonly name: string
    readonly tag?: number
    readonly values: readonly ProfileValue[]
  }[]
}

/** A profile that can be filled in. One without placeholders is the same frozen object in every decision. */
export interface ProfileTemplate {
  readonly name: string
  fill(values: () => PlaceholderValues): AttributeProfile
}

/** Makes a definition ready for use; `values` is asked for only where there are placeholders. */
export function compileProfile(definition: ProfileDefinition): ProfileTemplate {
  const { name, attributes } = definition
  const templated = attributes.some(({ values }) => values.some((value) => typeof value === 'object'))
  const fill = (values?: PlaceholderValues): AttributeProfile => ({
    name,
    attributes: attributes.map((attribute): RadiusAttribute => {
      const filled = attribute.values.flatMap((value) => {
        if (typeof value !== 'object') return [value]
        const text = values ? fillText(value, values) : ''
        // rlm_rest skips an empty value, and RFC 2865 section 5 has no attribute of length 0.
        return text === '' ? [] : [text]
      })
      return { ...attribute, values: filled }
    }),
  })
  if (templated) return { name, fill: (values) => fill(values()) }
  const fixed = Object.freeze(fill())
  return { name, fill: () => fixed }
}

/** What may be cut first when a text gets too long: words before identifiers, and the decision id last of all. */
const cutFirst: readonly Placeholder[] = ['message', 'reason', 'device', 'url', 'decisionId']

/**
 * Fills one text. Values lose their control characters, and are cut between characters where the whole would not fit
 * into its attribute; the literal parts always stay.
 */
export function fillText({ parts, maxBytes }: TextTemplate, values: PlaceholderValues): string {
  const shown = new Map<Placeholder, string>()
  let bytes = 0
  for (const part of parts) {
    if (typeof part === 'string') {
      bytes += Buffer.byteLength(part)
      continue
    }
    const value = shown.get(part.placeholder) ?? withoutControls(values[part.placeholder])
    shown.set(part.placeholder, value)
    bytes += Buffer.byteLength(value)
  }
  for (const placeholder of cutFirst) {
    const value = shown.get(placeholder)
    if (bytes <= maxBytes) break
    if (value === undefined) continue
    const uses = parts.filter((part) => typeof part === 'object' && part.placeholder === placeholder).length
    const length = Buffer.byteLength(value)
    const cut = cutToBytes(value, Math.max(0, length - Math.ceil((bytes - maxBytes) / uses)))
    shown.set(placeholder, cut)
    bytes -= uses * (length - Buffer.byteLength(cut))
  }
  return parts.map((part) => (typeof part === 'string' ? part : (shown.get(part.placeholder) ?? ''))).join('')
}

function withoutControls(text: string): string {
  return text.toWellFormed().replace(/\p{Cc}+/gu, ' ')
}

function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    end += character.length
  }
  return text.slice(0, end)
}
