import { z } from 'zod'

/** A GUID in any case; comes out lower case. */
export const guidField = z.guid('must be a GUID').toLowerCase()

/** Text. A number is refused: in YAML an unquoted 0026E4240001 is one, and its zeros would be gone. */
export const textField = z.string('must be text; in YAML, put it in quotes')

/** A MAC address with or without separators; comes out as 12 upper-case hex digits. */
export const macField = textField
  .transform((text) => text.replaceAll(/[-:.\s]/g, '').toUpperCase())
  .refine((text) => /^[0-9A-F]{12}$/.test(text), 'must be 12 hex digits, with or without separators')

/** Milliseconds since the epoch, of a time that a JavaScript date can hold. */
export const instantField = z.int().min(0).max(8.64e15)
