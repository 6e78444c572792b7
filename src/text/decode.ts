import { describeUnseen } from './unseen.ts'

/** The text of a file as it is on disk, or the predicate that says why there is none. */
export type DecodedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string }

/** Decodes UTF-8. What Windows editors write instead, UTF-16 or UTF-32, is refused by name. */
export function decodeText(bytes: Uint8Array): DecodedText {
  if (isWide(bytes)) {
    return {
      ok: false,
      why: 'is UTF-16 text, not UTF-8; convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW',
    }
  }
  return { ok: true, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) }
}

/** With a byte order mark, or without one by the zeros in every second byte that ASCII has in UTF-16. */
function isWide(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  const start = bytes.subarray(0, 64)
  const zeros = (parity: number) => start.filter((byte, index) => index % 2 === parity && byte === 0).length
  const half = Math.floor(start.length / 2)
  return half > 2 && ((zeros(0) === half && zeros(1) === 0) || (zeros(1) === half && zeros(0) === 0))
}

/** Why a file could not be read, as a predicate: `does not exist`. */
export function describeReadError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  return readErrors[code] ?? `cannot be read (${code})`
}

/**
 * The sentence about a file that cannot be used: which variable names it, and why, by a predicate of this module or of
 * `pem`. Where there is no such file, a path that is spoilt is the cause.
 */
export function describeFileFault(variable: string, path: string, why: string): string {
  const unseen = why.startsWith(missing) ? describeUnseen(path) : undefined
  if (unseen === undefined) return `${variable} names ${path}, which ${why}`
  return `${variable} ${unseen}; there is no file ${path}`
}

const missing = 'does not exist'

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: missing,
  ENOTDIR: `${missing}: part of its path is a file`,
  EACCES: 'the user of this service may not read',
  EPERM: 'the user of this service may not read',
  EISDIR: 'is a directory, not a file',
  ELOOP: 'is a symbolic link that leads to itself',
}
