import { z } from 'zod'

/** A GUID in any case; comes out lower case. */
export const guidField = z.guid('must be a GUID').toLowerCase()

/** A MAC address with or without separators; comes out as 12 upper-case hex digits. */
export const macField = z
  .string()
  .transform((text) => text.replaceAll(/[-:.\s]/g, '').toUpperCase())
  .refine((text) => /^[0-9A-F]{12}$/.test(text), 'must be 12 hex digits, with or without separators')
