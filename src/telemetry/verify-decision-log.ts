import { createReadStream } from 'node:fs'
import {
  type ChainHead,
  chainOf,
  chainStart,
  parseLinkLine,
  parseObject,
  parseSealedLine,
  type SealedLine,
} from './log-chain.ts'

/** The first place where the log is not what was written. */
export interface LogFinding {
  readonly kind: 'altered' | 'removed' | 'reordered'
  readonly file: string
  /** Number of the line in that file, from 1. */
  readonly line: number
  readonly decisionId?: string
  readonly text: string
}

/** What was found: without a finding every line is as it was written and where it was written. */
export interface LogVerification {
  /** Chained lines that were proven. */
  readonly lines: number
  readonly segments: number
  readonly finding?: LogFinding
  /** What cannot be proven from these files. */
  readonly notes: readonly string[]
  /** The last line proven. */
  readonly head?: ChainHead
}

/** What is known besides the files. */
export interface VerifyOptions {
  /** True where the first file begins somewhere in the middle: a piece of standard output. */
  readonly partial?: boolean
  /** The hash of the last line, kept elsewhere (GET /status): proves that nothing was cut off behind it. */
  readonly head?: string
}

interface FoundLine {
  readonly file: string
  readonly line: number
  readonly bytes: Buffer
  readonly sealed: SealedLine | undefined
}

type Previous = ChainHead & { readonly event: string }

/**
 * Walks through the files of one decision log, oldest first, and stops at the first line that is not what was written.
 * Lines of the service that are not part of the chain are passed over. Rejects with the error of the file system.
 */
export async function verifyDecisionLog(
  files: readonly string[],
  options: VerifyOptions = {},
): Promise<LogVerification> {
  const notes: string[] = []
  const found = readLines(files)
  let previous: Previous | undefined
  /** What the first file says that it follows. */
  let linked: Previous | undefined
  let unfinished: FoundLine | undefined
  let lines = 0
  let segments = 0
  const begun = new Set<string>()
  const done = (finding?: LogFinding): LogVerification => ({
    lines,
    segments,
    notes,
    ...(finding && { finding }),
    ...(previous && { head: { segment: previous.segment, seq: previous.seq, chain: previous.chain } }),
  })

  for await (const at of found) {
    if (at.bytes.length > maxLineBytes)
      return done(finding('altered', at, 'it is longer than any line that the service writes'))
    const { sealed } = at
    if (sealed === undefined) {
      const link = parseLinkLine(at.bytes)
      if (link && !unfinished) {
        if (previous !== undefined && link.chain !== previous.chain)
          return done(missingFile(at, link, previous))
        if (previous === undefined && linked === undefined) notes.push(`${place(at)}: ${earlier(link)}`)
        linked ??= link
        continue
      }
      if (isOfAnotherComponent(at.bytes)) continue
      if (unfinished) return done(finding('altered', unfinished, 'it is not a line that the service wrote'))
      unfinished = at
      continue
    }
    if (unfinished) {
      const announced = sealed.event === 'log_started' ? sealed.previous?.cutBytes : undefined
      if (announced !== unfinished.bytes.length)
        return done(finding('altered', unfinished, 'it is not a line that the service wrote'))
      notes.push(`${place(unfinished)}: a line was not finished when the service ended`)
      unfinished = undefined
    }
    // The first line of a segment needs no line before it, so a copy of it fits anywhere.
    if (sealed.event === 'log_started' && begun.has(sealed.segment))
      return done(finding('reordered', at, `segment ${sealed.segment} has begun before`))
    begun.add(sealed.segment)
    const before = previous ?? linked
    if (before === undefined && options.partial === true && !isOpening(sealed)) {
      notes.push(`${place(at)}: the first line cannot be proven, because what was before it is not here`)
      segments += 1
    } else {
      if (!continues(sealed, before)) return done(await diagnose(at, before, found))
      if (sealed.event === 'log_started' || previous === undefined) segments += 1
      const note = noteOnOpening(sealed, before)
      if (note !== undefined) notes.push(`${place(at)}: ${note}`)
    }
    previous = sealed
    lines += 1
  }
  if (unfinished) return done(finding('altered', unfinished, 'it is not a whole line of the service'))
  if (previous === undefined) return done()
  if (options.head !== undefined && options.head !== previous.chain) {
    const text = `the log ends with another line than the one of the given hash: lines were cut off behind seq ${previous.seq}, or the hash belongs to an earlier line`
    return done({ kind: 'removed', file: files.at(-1) ?? '', line: lines, text })
  }
  if (options.head === undefined && previous.event !== 'log_stopped') {
    notes.push(
      `the last segment has no end: the service runs, or was killed, or lines were cut off behind seq ${previous.seq} (--head tells)`,
    )
  }
  return done()
}

/** True where the line begins something: a segment or a file. Its hash does not need the line before it. */
function isOpening({ event, previous }: SealedLine): boolean {
  return event === 'log_started' || (event === 'log_continued' && previous !== undefined)
}

/** True where the line is unaltered and the very next one after `previous`. */
function continues(line: SealedLine, previous: Previous | undefined): boolean {
  if (line.event === 'log_started') {
    if (line.seq !== 0 || chainOf(chainStart, line.content) !== line.chain) return false
    return line.previous === undefined || previous === undefined || line.previous.chain === previous.chain
  }
  // The first file that is still there after older ones were deleted begins with a line that names what was before.
  const before = previous ?? (line.event === 'log_continued' ? line.previous : undefined)
  return before !== undefined && follows(line, before)
}

function follows(line: SealedLine, before: ChainHead): boolean {
  return (
    line.segment === before.segment &&
    line.seq === before.seq + 1 &&
    chainOf(before.chain, line.content) === line.chain
  )
}

/** True where the line claims to be the one before `line`; nothing of it is proven. */
function precedes(candidate: ChainHead, line: ChainHead): boolean {
  return candidate.segment === line.segment && candidate.seq === line.seq - 1
}

function noteOnOpening(line: SealedLine, previous: Previous | undefined): string | undefined {
  if (previous === undefined) {
    if (line.previous === undefined) return undefined
    return earlier(line.previous)
  }
  if (line.event !== 'log_started') return undefined
  if (line.previous !== undefined) {
    return previous.event === 'log_stopped'
      ? undefined
      : `the segment before has no end: the service was killed, or lines behind its seq ${previous.seq} were cut off before this start`
  }
  return previous.event === 'log_stopped'
    ? 'the segment is not linked to the one before: whole segments between them could be missing'
    : `the segment is not linked to the one before, which has no end: lines behind its seq ${previous.seq} could be missing`
}

function earlier({ seq, segment }: ChainHead): string {
  return `earlier lines, up to seq ${seq} of segment ${segment}, are not in these files`
}

/** The files go on behind lines that are in none of them. */
function missingFile(at: FoundLine, link: ChainHead, previous: Previous): LogFinding {
  const text = `lines before it, up to seq ${link.seq} of segment ${link.segment}, are missing behind seq ${previous.seq}: the file that held them was deleted, moved or replaced while the service ran`
  return finding('removed', at, text)
}

/** Says what happened to a line that does not continue the chain; reads on in the files for it. */
async function diagnose(
  at: FoundLine,
  previous: Previous | undefined,
  rest: AsyncIterator<FoundLine>,
): Promise<LogFinding> {
  const line = at.sealed
  if (line === undefined) return finding('altered', at, 'it is not a line that the service wrote')
  if (line.event === 'log_started') {
    if (line.seq !== 0 || chainOf(chainStart, line.content) !== line.chain)
      return finding('altered', at, 'its hash does not fit its content')
    const wanted = line.previous?.chain
    const later = await findLine(rest, (candidate) => candidate.chain === wanted)
    if (later)
      return finding('reordered', at, `it stands before what it follows, which is at ${place(later)}`)
    const missing =
      line.previous?.segment === previous?.segment ? (line.previous?.seq ?? 0) - (previous?.seq ?? 0) : 0
    const text = missing > 0 ? `${missing} line(s)` : 'the end of the segment'
    return finding('removed', at, `${text} before it, up to seq ${line.previous?.seq}, are missing`)
  }
  if (previous === undefined) {
    if (line.seq === 0 || (line.event === 'log_continued' && line.previous?.seq === line.seq - 1))
      return finding('altered', at, 'its hash does not fit its content')
    const before = await findLine(rest, (candidate) => precedes(candidate, line))
    if (before)
      return finding('reordered', at, `it stands before what it follows, which is at ${place(before)}`)
    return finding('removed', at, `the log begins with seq ${line.seq}; what was before it is missing`)
  }
  const expected = previous.seq + 1
  let next: FoundLine | undefined
  const later = await findLine(rest, (candidate, found) => {
    next ??= found
    return (
      (candidate.segment === previous.segment && candidate.seq === expected) ||
      (line.segment !== previous.segment && precedes(candidate, line))
    )
  })
  const isNextIntact =
    next?.sealed !== undefined &&
    follows(next.sealed, { segment: previous.segment, seq: expected, chain: line.chain })
  const isOfOtherSegment =
    line.segment !== previous.segment && next?.sealed !== undefined && follows(next.sealed, line)
  const isInPlace = line.seq === expected && !later && !isOfOtherSegment
  if (isNextIntact || isInPlace || line.seq === 0)
    return finding('altered', at, 'its hash does not fit its content and the line before it')
  if (line.segment === previous.segment && line.seq < expected)
    return finding('reordered', at, `seq ${line.seq} stands behind seq ${previous.seq}`)
  if (later)
    return finding(
      'reordered',
      at,
      `seq ${line.seq} stands before seq ${expected}, which is at ${place(later)}`,
    )
  if (line.segment !== previous.segment)
    return finding(
      'removed',
      at,
      `the beginning of segment ${line.segment}, before seq ${line.seq}, is missing`,
    )
  return finding('removed', at, `${line.seq - expected} line(s) before it, from seq ${expected}, are missing`)
}

async function findLine(
  lines: AsyncIterator<FoundLine>,
  fits: (line: SealedLine, found: FoundLine) => boolean,
): Promise<FoundLine | undefined> {
  for (let step = await lines.next(); step.done !== true; step = await lines.next()) {
    const { sealed } = step.value
    if (sealed && fits(sealed, step.value)) return step.value
  }
  return undefined
}

function finding(kind: LogFinding['kind'], at: FoundLine, text: string): LogFinding {
  const decisionId =
    at.sealed?.decisionId ?? /"decisionId":"([0-9a-f-]{36})"/.exec(at.bytes.toString('latin1'))?.[1]
  return { kind, file: at.file, line: at.line, ...(decisionId !== undefined && { decisionId }), text }
}

function place({ file, line }: FoundLine): string {
  return `${file}:${line}`
}

/** The other lines of the service on standard output. Whatever calls itself a decision line must carry its hash. */
function isOfAnotherComponent(bytes: Buffer): boolean {
  const object = parseObject(bytes)
  return object !== undefined && object.component !== 'decision' && object.event !== 'decision'
}

/** Many times the longest. A device or a file of nothing but zeros has a line without end. */
const maxLineBytes = 1024 * 1024

/** Lines as bytes: a decoder would take a changed byte for another one, and a carriage return for a line end. */
async function* readLines(files: readonly string[]): AsyncGenerator<FoundLine, void, undefined> {
  for (const file of files) {
    let line = 0
    let rest: Buffer = Buffer.alloc(0)
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      let buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      for (let end = buffer.indexOf(0x0a); end >= 0; end = buffer.indexOf(0x0a)) {
        line += 1
        yield foundLine(file, line, buffer.subarray(0, end))
        buffer = buffer.subarray(end + 1)
      }
      rest = buffer
      if (rest.length > maxLineBytes) {
        yield foundLine(file, line + 1, rest)
        return
      }
    }
    if (rest.length > 0) yield foundLine(file, line + 1, rest)
  }
}

function foundLine(file: string, line: number, bytes: Buffer): FoundLine {
  return { file, line, bytes, sealed: parseSealedLine(bytes) }
}
