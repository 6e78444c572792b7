import { parseObject } from './log-chain.ts'

/** One line about a decision, as far as it can be read. */
export interface DecisionLine {
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A line of ours is a few KB long; what has no end is not collected in memory. */
const maxLineBytes = 1024 * 1024

const lineEnd = 0x0a

/**
 * The decision lines of a log, in its order and one at a time: of `DECISION_LOG_FILE`, or of the whole output of the
 * service. Other lines, damaged ones and those above 1 MiB are passed over. Rejects like `chunks`.
 */
export async function* readDecisionLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<DecisionLine, void, undefined> {
  for await (const bytes of readLines(chunks)) {
    const fields = parseObject(bytes)
    if (fields?.component !== 'decision' || fields.event !== 'decision') continue
    yield { text: bytes.toString('utf8'), fields }
  }
}

async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let begun: Buffer[] = []
  let begunBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(lineEnd); end >= 0; end = chunk.indexOf(lineEnd, start)) {
      const bytes = begunBytes + end - start
      if (bytes <= maxLineBytes) yield Buffer.concat([...begun, chunk.subarray(start, end)])
      begun = []
      begunBytes = 0
      start = end + 1
    }
    begunBytes += chunk.length - start
    if (begunBytes > maxLineBytes) begun = []
    else begun.push(Buffer.from(chunk.subarray(start)))
  }
  if (begunBytes > 0 && begunBytes <= maxLineBytes) yield Buffer.concat(begun)
}
