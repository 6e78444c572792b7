/**
 * What a terminal acts on instead of showing it, or shows as nothing: control characters (C0, DEL, C1: asEscape sequences,
 * carriage return), format characters (bidirectional embeddings and isolates, zero-width), line and paragraph separators,
 * lone surrogates, and what Unicode lets a renderer leave out (UAX #44, Default_Ignorable_Code_Point).
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu

/** Text from outside as part of one line: whatever is not plainly visible stands as `\u001b`, line ends included. */
export function printable(text: string): string {
  return text.replace(unprintable, asEscape)
}

/** The same for text of our own making that has lines and columns. JSON stays the same JSON. */
export function printableLines(text: string): string {
  return text.replace(unprintable, (found) => (found === '\n' || found === '\t' ? found : asEscape(found)))
}

/** Every text in a value of plain objects and lists as `printable` has it. */
export function printableValues<T>(value: T): T {
  return mapTexts(value) as T
}

function mapTexts(value: unknown): unknown {
  if (typeof value === 'string') return printable(value)
  if (Array.isArray(value)) return value.map(mapTexts)
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [printable(name), mapTexts(part)]))
}

/** Bytes, dates and the like hold no text to print. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** As JSON writes it: UTF-16 code units, so that what is printed inside a JSON text reads back as what it was. */
function asEscape(found: string): string {
  return Array.from({ length: found.length }, (_, index) => {
    const unit = found.charCodeAt(index).toString(16).padStart(4, '0')
    return `\\u${unit}`
  }).join('')
}
