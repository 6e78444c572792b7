import { isUtf8 } from 'node:buffer'

/**
 * The text of octets that were written one by one: rlm_rest of FreeRADIUS 3 writes an octet above 0x7F as `\u00XX`
 * whatever it belongs to (seen with 3.2.1), so that "Büro" arrives as "BÃ¼ro" and is equal to no rule.
 *
 * Octets that are UTF-8 become that. Others, such as Latin-1, become U+FFFD where `isCertain` says that these are
 * octets and no characters; nothing but `*` is equal to that for certain.
 */
export function textOfOctets(given: string, isCertain: boolean): string {
  if (!/[\x80-\xff]/.test(given) || /[^\0-\xff]/.test(given)) return given
  const octets = Buffer.from(given, 'latin1')
  return isCertain || isUtf8(octets) ? octets.toString('utf8') : given
}
