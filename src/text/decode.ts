import { isUtf8 } from 'node:buffer'
import { describeUnseen } from './unseen.ts'
import { wideEncodingOf } from './utf8-text.ts'

/** The text of a file as it is on disk, or the predicate that says why there is none. */
export type DecodedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string }

/**
 * Decodes UTF-8 that may be a secret: why it cannot be is said without a part of it. Octets that are no UTF-8 would become
 * U+FFFD, and a password with one is never the right one.
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  const wide = whyWide(bytes)
  if (wide !== undefined) return { ok: false, why: wide }
  if (!isUtf8(bytes)) {
    return { ok: false, why: 'is not UTF-8 text; convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW' }
  }
  return { ok: true, text: textOf(bytes) }
}

/** Decodes a text of which only the ASCII counts, as that of a PEM file; whatever else stands around it may be spoilt. */
export function decodeAscii(bytes: Uint8Array): DecodedText {
  const wide = whyWide(bytes)
  return wide === undefined ? { ok: true, text: textOf(bytes) } : { ok: false, why: wide }
}

function whyWide(bytes: Uint8Array): string | undefined {
  const encoding = wideEncodingOf(bytes)?.split(' ')[0]
  if (encoding === undefined) return undefined
  return `is ${encoding} text, not UTF-8; convert it with: iconv -f ${encoding} -t UTF-8 FILE > NEW`
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
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
