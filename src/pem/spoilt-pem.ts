import { describeUnseen } from '../text/unseen.ts'
import { describeBinary } from './binary-form.ts'

/** What the reader of a file hopes to find in it. */
export type SoughtBlock = 'CERTIFICATE' | 'PRIVATE KEY'

/**
 * Why a file that was meant to be PEM cannot be read, and what to do: a predicate that follows the name of the file. It
 * quotes nothing of the file, which may be a key.
 */
export function describeSpoiltPem(text: string, bytes: Uint8Array, sought: SoughtBlock): string {
  const trimmed = text.trim()
  if (trimmed === '') return 'is empty'
  const marker = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(trimmed)
  if (marker !== null) return describeSpoiltBlock(trimmed, marker[1] ?? '')
  if (/[-\u2010-\u2015\u2212]+ *(BEGIN|END) +[A-Z0-9 ]+[-\u2010-\u2015\u2212]/.test(trimmed)) {
    return /-----END /.test(trimmed)
      ? 'is cut off: its BEGIN line is missing; put the whole file in place'
      : 'has a BEGIN line without exactly five hyphens on each side: a word processor has changed them; put the original file in place'
  }
  if (/(?!\s)\p{Cc}|\uFFFD/u.test(trimmed)) return describeBinary(bytes)
  return describeWithoutMarkers(trimmed) ?? `holds no PEM ${sought.toLowerCase()}: no line begins one`
}

function describeSpoiltBlock(text: string, label: string): string {
  if (/\\r?\\n|\\n/.test(text)) {
    return 'has lost its line ends: the two characters \\n stand in their place (as in JSON or an environment variable); restore them with: printf \'%b\' "$(cat FILE)" > NEW'
  }
  if (!text.includes(`-----END ${label}-----`)) {
    return `is cut off or mixed up: a BEGIN line has no END line of the same kind; put the whole file in place`
  }
  const block = text.slice(text.indexOf('-----BEGIN '), text.indexOf(`-----END ${label}-----`))
  if (!/[\r\n]/.test(block)) {
    const instead = / /.test(block.slice(`-----BEGIN ${label}-----`.length))
      ? 'spaces stand in their place'
      : 'nothing stands in their place'
    return `has lost its line ends: ${instead}; BEGIN, END and every 64 characters between them need a line of their own, so put the original file in place`
  }
  if (/["'“”]/.test(text)) return 'has quotes around its lines, which do not belong to PEM; take them out'
  const unseen = describeUnseen(text.replace(/[\r\n\t]/g, ''))
  if (unseen !== undefined) return `${unseen}; put the original file in place`
  return `has a damaged block: what stands between its BEGIN and END lines is not base64; put the original file in place`
}

function describeWithoutMarkers(text: string): string | undefined {
  const compact = text.replace(/\s+/g, '').replace(/^(["'])(.*)\1$/, '$2')
  if (/^[A-Za-z0-9+/_-]{16,}={0,2}$/.test(compact)) {
    const decoded = Buffer.from(compact, 'base64')
    // With a byte order mark or not, in UTF-8 or UTF-16.
    if (decoded.subarray(0, 256).toString('latin1').replaceAll('\0', '').includes('-----BEGIN ')) {
      return 'is base64 of a PEM file: it was encoded once too often; decode it with: base64 -d FILE > NEW'
    }
    if (decoded[0] === 0x30) {
      return 'is base64 without its BEGIN and END lines; put the original PEM file in place'
    }
  }
  return otherTexts.find(([form]) => form.test(text))?.[1]
}

const otherTexts: readonly (readonly [RegExp, string])[] = [
  [
    /^PuTTY-User-Key-File/,
    'is a key of PuTTY; export it with PuTTYgen, then convert it to PEM with: ssh-keygen -p -m PKCS8 -f COPY',
  ],
  [/^(ssh-|ecdsa-)/, 'is a public key of SSH, not PEM'],
  [/^\s*[{[]/, 'is JSON, not PEM; put the PEM file itself in place'],
  [/<RSAKeyValue>/, 'is a key in XML, not PEM'],
]
