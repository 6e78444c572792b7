import { failure } from '../errors/fault.ts'
import type { IdentityTexts } from './device-identity.ts'

const quotedLength = 40

/**
 * The caller's own text, fit for a message: in double quotes, at most 40 characters, everything that is not printable
 * ASCII (and the quote and the backslash, which could end the quoting) replaced by `?`.
 */
function quote(text: string): string {
  const shown = text.slice(0, quotedLength).replace(/[^\x20-\x7e]|["\\]/g, '?')
  return text.length > quotedLength ? `"${shown}"...` : `"${shown}"`
}

/** The fault for an attribute whose text is not accepted; `why` continues the sentence that starts with the text. */
export function malformedIdentifier(field: keyof IdentityTexts, text: string, why: string) {
  return failure('identifier_malformed', `${field}: ${quote(text)} ${why}`, { field })
}
