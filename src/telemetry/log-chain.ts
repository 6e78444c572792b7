import { hash } from 'node:crypto'

/** Where a chain stands: its segment, the number of its last line, and the hash that the next line builds on. */
export interface ChainHead {
  readonly segment: string
  readonly seq: number
  readonly chain: string
}

/** What the first line of a segment builds on. */
export const chainStart = ''

/** Length of `,"chain":"<64 hex digits>"}`. */
const sealLength = 76
const seal = /^,"chain":"([0-9a-f]{64})"\}$/

/**
 * The hash of a line: SHA-256, in hex, over the previous line's hash (as hex text) and the line's own bytes up to and
 * without `,"chain":`. docs/decision-log.md has it as a shell command.
 */
export function chainOf(previous: string, content: string | Buffer): string {
  return typeof content === 'string'
    ? hash('sha256', previous + content)
    : hash('sha256', Buffer.concat([Buffer.from(previous), content]))
}

/** Room before a line for the hash that it builds on, in hex. */
const hashLength = 64

/**
 * Closes one line after the other with its place in the chain. The hash is taken from the bytes that are written, in
 * memory that is used for every line again.
 */
export class LineSealer {
  #chain = chainStart
  #bytes = Buffer.allocUnsafeSlow(4096)

  /** The hash of the last line. */
  get chain(): string {
    return this.#chain
  }

  /** Takes a JSON object without its closing brace. What it gives, line end included, is good until the next call. */
  seal(content: string): Buffer {
    const largest = hashLength + content.length * 3 + sealLength + 1
    if (this.#bytes.length < largest) this.#bytes = Buffer.allocUnsafeSlow(largest)
    const bytes = this.#bytes
    bytes.write(this.#chain, 0, 'latin1')
    const end = hashLength + bytes.write(content, hashLength)
    this.#chain = hash('sha256', bytes.subarray(this.#chain === chainStart ? hashLength : 0, end))
    const lineEnd = end + bytes.write(`,"chain":"${this.#chain}"}\n`, end, 'latin1')
    return bytes.subarray(hashLength, lineEnd)
  }
}

/** One line of a log as it was found; nothing about it is proven yet. */
export interface SealedLine {
  /** The bytes that the hash covers. */
  readonly content: Buffer
  readonly chain: string
  readonly segment: string
  readonly seq: number
  readonly event: string
  readonly decisionId?: string
  /** The line that this one says it follows, across a restart or into another file. */
  readonly previous?: ChainHead & { readonly cutBytes: number }
}

/** Reads the bytes of one line without its line end; undefined where it carries no chain. */
export function parseSealedLine(bytes: Buffer): SealedLine | undefined {
  const chain = seal.exec(bytes.toString('latin1', Math.max(0, bytes.length - sealLength)))?.[1]
  const object = chain === undefined ? undefined : parseObject(bytes)
  if (chain === undefined || object === undefined) return undefined
  const { segment, seq, event, decisionId, previous } = object
  if (typeof segment !== 'string' || typeof seq !== 'number' || typeof event !== 'string') return undefined
  const link = parseLink(previous)
  return {
    content: bytes.subarray(0, bytes.length - sealLength),
    chain,
    segment,
    seq,
    event,
    ...(typeof decisionId === 'string' && { decisionId }),
    ...(link && { previous: link }),
  }
}

/**
 * The line that a file follows which was begun because the one before was deleted, moved or replaced; undefined where the
 * line is another one. Nothing proves it but the line behind it.
 */
export function parseLinkLine(bytes: Buffer): (ChainHead & { readonly event: string }) | undefined {
  const object = parseObject(bytes)
  if (object?.component !== 'decision' || object.event !== 'log_continued' || 'chain' in object)
    return undefined
  const link = parseLink(object.previous)
  return link && { segment: link.segment, seq: link.seq, chain: link.chain, event: 'log_continued' }
}

/** The object that a line holds, or undefined. */
export function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function parseLink(value: unknown): SealedLine['previous'] {
  if (!isObject(value)) return undefined
  const { segment, seq, chain, cutBytes } = value
  if (typeof segment !== 'string' || typeof seq !== 'number' || typeof chain !== 'string') return undefined
  return { segment, seq, chain, cutBytes: typeof cutBytes === 'number' ? cutBytes : 0 }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
