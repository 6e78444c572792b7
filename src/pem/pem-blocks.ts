import { decodeAscii } from '../text/decode.ts'
import { describeSpoiltPem, type SoughtBlock } from './spoilt-pem.ts'

/** One block of a PEM file (RFC 7468; RFC 1421 for the header fields of encrypted keys), written anew for OpenSSL. */
export interface PemBlock {
  /** What stands behind BEGIN: `CERTIFICATE`. */
  readonly label: string
  /** RFC 1421 header fields, for example `DEK-Info` -> `AES-256-CBC,...`; empty for most blocks. */
  readonly fields: Readonly<Record<string, string>>
  /** Line ends of one kind, no indentation, nothing around it. */
  readonly pem: string
}

/** What a file holds, or why it does not hold that: a predicate that follows the name of the file. */
export type Holds<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string }

const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/
const field = /^([A-Za-z0-9-]+):\s*(.*)$/
const base64Line = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Every block of a PEM file, at least one. Read is what can be read in one way only: line ends of any system, a byte
 * order mark, indentation, text around the blocks. Where a block cannot be read, the file is refused with the cause.
 */
export function readPemBlocks(bytes: Uint8Array, sought: SoughtBlock): Holds<readonly PemBlock[]> {
  const decoded = decodeAscii(bytes)
  if (!decoded.ok) return decoded
  const text = decoded.text.replace(/^\uFEFF/, '')
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.replace(/^[ \t]+|[ \t]+$/g, ''))
  const blocks: PemBlock[] = []
  const around: string[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? ''
    const label = begin.exec(line)?.[1]
    if (label === undefined) {
      around.push(line)
      continue
    }
    const end = lines.indexOf(`-----END ${label}-----`, index + 1)
    const block = end === -1 ? undefined : readBlock(label, lines.slice(index + 1, end))
    if (block === undefined) return spoilt(lines.slice(index).join('\n'), bytes, sought)
    blocks.push(block)
    index = end
  }
  // A marker that is not on a line of its own began or ended no block above.
  const rest = around.join('\n')
  if (blocks.length === 0 || /(BEGIN|END) [A-Z0-9 ]+-/.test(rest)) return spoilt(rest, bytes, sought)
  return { ok: true, value: blocks }
}

function spoilt(text: string, bytes: Uint8Array, sought: SoughtBlock) {
  return { ok: false, why: describeSpoiltPem(text, bytes, sought) } as const
}

function readBlock(label: string, lines: readonly string[]): PemBlock | undefined {
  const fields: Record<string, string> = {}
  let index = 0
  for (let found = field.exec(lines[0] ?? ''); found; found = field.exec(lines[index] ?? '')) {
    fields[found[1] ?? ''] = found[2] ?? ''
    index += 1
  }
  const body = lines.slice(index).filter((line) => line !== '')
  if (body.length === 0 || !body.every((line) => base64Line.test(line))) return undefined
  const base64 = body.join('')
  // Padding ends the content: in the middle it is the seam of two.
  if (base64.length % 4 !== 0 || !base64Line.test(base64)) return undefined
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  const folded = base64.match(/.{1,64}/g) ?? []
  const written = [
    `-----BEGIN ${label}-----`,
    ...head,
    ...(head.length > 0 ? [''] : []),
    ...folded,
    `-----END ${label}-----`,
    '',
  ]
  return { label, fields, pem: written.join('\n') }
}
