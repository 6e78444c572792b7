import { z } from 'zod'
import { type Placeholder, placeholderNames, type TextTemplate } from '../decision/policy-profile.ts'

/** Longest value of a plain attribute: one length octet for type, length and value (RFC 2865 section 5). */
export const maxPlainBytes = 253
/** The same behind the vendor id, vendor type and vendor length of a vendor-specific one (RFC 2865 section 5.26). */
export const maxVendorBytes = 247

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
        problem: `has an unknown placeholder; there are ${placeholderNames.map((name) => `{${name}}`).join(' ')}`,
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

/** The schema of a text with placeholders for an attribute that holds `maxBytes`; `prefix` is put in front of it. */
export const templateText = (maxBytes: number, prefix = '') =>
  plainText(1024).transform((text, context): string | TextTemplate => {
    const template = parseTemplate(`${prefix}${text}`, maxBytes)
    if (typeof template === 'string' || 'parts' in template) return template
    context.addIssue({ code: 'custom', message: template.problem })
    return z.NEVER
  })
