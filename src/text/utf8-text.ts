import { isUtf8 } from 'node:buffer'

/** The text of a file, or the place and the cause that keep it from being one: line and column count from 1. */
export type Utf8Text =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly line: number; readonly column: number; readonly problem: string }

const lineFeed = 0x0a

/**
 * Decodes the octets of a file that has to be UTF-8; a byte order mark is left out. Octets that are no UTF-8 would become
 * U+FFFD, which is equal to nothing: a rule about "Büro" that was saved as Windows-1252 would never apply.
 */
export function decodeUtf8(bytes: Uint8Array): Utf8Text {
  const encoding = wideEncodingOf(bytes) ?? (bytes.includes(0) ? 'binary: it holds NUL bytes' : undefined)
  if (encoding !== undefined) {
    return { line: 1, column: 1, problem: `the file is ${encoding}, not UTF-8: save it as UTF-8` }
  }
  if (isUtf8(bytes)) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    return { text: text.replace(/^\uFEFF/, '') }
  }
  let line = 1
  let start = 0
  for (;;) {
    const end = bytes.indexOf(lineFeed, start)
    const content = bytes.subarray(start, end === -1 ? bytes.length : end)
    if (!isUtf8(content)) return notUtf8(content, line)
    start = end + 1
    line += 1
  }
}

function notUtf8(content: Uint8Array, line: number): Utf8Text {
  let at = 0
  for (;;) {
    const length = sequenceLength(content[at] ?? 0)
    if (!isUtf8(content.subarray(at, at + length))) break
    at += length
  }
  const byte = content[at] ?? 0
  const column = Buffer.from(content.subarray(0, at)).toString('utf8').length + 1
  const name = `0x${byte.toString(16).toUpperCase()}`
  const problem = `byte ${name} is not UTF-8 (in Windows-1252 it would be ${JSON.stringify(windows1252(byte))}): save the file as UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8`
  return { line, column, problem }
}

/** Octets of the character that starts with this one (RFC 3629 section 3). */
function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}

function windows1252(byte: number): string {
  return new TextDecoder('windows-1252').decode(Uint8Array.of(byte))
}

/** What Windows editors write instead of UTF-8: UTF-16 and UTF-32 by their marks, UTF-16 also by the zeros of its ASCII. */
export function wideEncodingOf(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff)) {
    return 'UTF-32'
  }
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return 'UTF-16'
  const zero = bytes.indexOf(0)
  const isAlternating = zero !== -1 && zero < 2 && bytes[zero + 2] === 0
  return isAlternating ? 'UTF-16 (without a byte order mark)' : undefined
}
