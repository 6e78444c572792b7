import { z } from 'zod'
import { type Placeholder, placeholderNames, type TextTemplate } from '../decision/policy-profile.ts'
import { maxTextOctets } from '../decision/radius-attribute.ts'
import { didYouMean } from '../nearest-name.ts'

/** A text that a person or a switch reads: not empty, no control characters. */
export const plainText = (maxCharacters: number) =>
  z
    .string('must be a text; put it in quotes')
    .min(1, 'must not be empty')
    .max(maxCharacters, `must be at most ${maxCharacters} characters`)
    .regex(/^\P{Cc}*$/u, 'must not have control characters in it')

const placeholderPattern = /\{([A-Za-z]+)\}/g

/**
 * Reads a text with placeholders; one without stays a text. The literal part has to fit `maxBytes`, the placeholders
 * get what it leaves. Gives what is wrong with it as a sentence without a subject.
 */
export function parseTemplate(text: string, maxBytes: number): string | TextTemplate | { problem: string } {
  const parts: (string | { placeholder: Placeholder })[] = []
  let from = 0
  for (const match of text.matchAll(placeholderPattern)) {
    const placeholder = placeholderNames.find((name) => name === match[1])
    if (placeholder === undefined) {
      return {
        problem: `has an unknown placeholder; there are ${placeholderNames.map((name) => `{${name}}`).join(' ')}${didYouMean(match[1] ?? '', placeholderNames)}`,
      }
    }
    if (match.index > from) parts.push(text.slice(from, match.index))
    parts.push({ placeholder })
    from = match.index + match[0].length
  }
  if (from < text.length) parts.push(text.slice(from))
  const bytes = parts.reduce((sum, part) => sum + (typeof part === 'string' ? Buffer.byteLength(part) : 0), 0)
  if (bytes > maxBytes) return { problem: `is ${bytes} bytes long, of which at most ${maxBytes} fit` }
  return parts.some((part) => typeof part !== 'string') ? { parts, maxBytes } : text
}

const blank = { problem: 'must not be blank: it would not be sent' }

/**
 * The same for the text of one attribute: what the RADIUS front end would have to change before it may send it is a
 * problem here, because half of an ACL name opens more than the whole one would.
 */
export function parseAttributeText(
  text: string,
  name: string,
  tag?: number,
): string | TextTemplate | { problem: string } {
  if (text.trim() === '') return blank
  const parsed = parseTemplate(text, maxTextOctets(name, tag))
  if (typeof parsed === 'object' && 'problem' in parsed) return parsed
  const literals = typeof parsed === 'string' ? [parsed] : parsed.parts
  // Nobody enforces a Reply-Message.
  const isEnforced = name.toLowerCase() !== 'reply-message'
  if (isEnforced && literals.some((part) => typeof part === 'string' && /%[{(]/.test(part))) {
    return { problem: 'must not have %{ or %( in it, which RADIUS servers evaluate' }
  }
  return parsed
}

/** The schema of the text of one attribute, with placeholders; `prefix` is put in front of it. */
export const attributeText = (name: string, prefix = '') =>
  plainText(1024).transform((text, context): string | TextTemplate => {
    const template = text.trim() === '' ? blank : parseAttributeText(`${prefix}${text}`, name)
    if (typeof template === 'string' || 'parts' in template) return template
    context.addIssue({ code: 'custom', message: template.problem })
    return z.NEVER
  })
