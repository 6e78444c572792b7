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

/** Closes a JSON object with its place in the chain; without a line end. */
export function sealLine(
  previous: string,
  object: object,
): { readonly line: string; readonly chain: string } {
  const content = JSON.stringify(object).slice(0, -1)
  const chain = chainOf(previous, content)
  return { line: `${content},"chain":"${chain}"}`, chain }
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
