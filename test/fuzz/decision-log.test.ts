import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { chainOf, LineSealer, parseSealedLine } from '../../src/telemetry/log-chain.ts'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { json, mutated, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

/** Two lives of a service, as DecisionLog chains them: the first was ended, the second runs. */
function writeLog(): string[] {
  const lines: string[] = []
  let sealer = new LineSealer()
  const add = (object: object) => {
    lines.push(sealer.seal(JSON.stringify(object).slice(0, -1)).toString('utf8').trimEnd())
  }
  const decision = (segment: string, seq: number) => {
    const decisionId = `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`
    add({ level: 'info', event: 'decision', v: 1, decisionId, client: 'Zürich', segment, seq })
  }
  add({ event: 'log_started', segment: 'a', seq: 0 })
  for (let seq = 1; seq <= 6; seq += 1) decision('a', seq)
  add({ event: 'log_stopped', segment: 'a', seq: 7 })
  const previous = { segment: 'a', seq: 7, chain: sealer.chain, cutBytes: 0 }
  sealer = new LineSealer()
  add({ event: 'log_started', segment: 'b', seq: 0, previous })
  for (let seq = 1; seq <= 6; seq += 1) decision('b', seq)
  return lines
}

const lines = writeLog()
const head = lines.at(-1)?.match(/"chain":"([0-9a-f]{64})"\}$/)?.[1] ?? ''
const file = join(t.testdir({}), 'decisions.log')
/** Lines of the service on standard output that are no part of the chain. */
const foreign = '{"level":"warn","component":"intune","msg":"x"}'
const place = fc.nat(lines.length - 1)
const change = fc.oneof(
  fc.record({
    kind: fc.constant('byte' as const),
    at: place,
    position: fc.double({ min: 0, max: 1, noNaN: true }),
    byte: fc.nat(255),
  }),
  fc.record({
    kind: fc.constantFrom('remove' as const, 'double' as const, 'swap' as const, 'move' as const),
    at: place,
    to: place,
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: place,
    line: fc.oneof(
      fc.constant(foreign),
      text,
      json.map((value) => JSON.stringify(value)),
      mutated(fc.constantFrom(...lines)),
    ),
  }),
  fc.record({ kind: fc.constant('cut' as const), length: fc.double({ min: 0, max: 1, noNaN: true }) }),
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function apply(changes: readonly Change[]): Buffer {
  let all = lines.map((line) => Buffer.from(line))
  let cut = 1
  for (const given of changes) {
    if (given.kind === 'cut') {
      cut = given.length
      continue
    }
    const at = Math.min(given.at, all.length - 1)
    const line = all[at] ?? Buffer.alloc(0)
    switch (given.kind) {
      case 'byte': {
        const changed = Buffer.from(line)
        changed[Math.floor(given.position * (line.length - 1))] = given.byte
        all = all.with(at, changed)
        break
      }
      case 'remove':
        all = all.length > 1 ? all.toSpliced(at, 1) : all
        break
      case 'double':
        all = all.toSpliced(Math.min(given.to, all.length), 0, line)
        break
      case 'move':
        all = all.toSpliced(at, 1).toSpliced(Math.min(given.to, all.length - 1), 0, line)
        break
      case 'swap':
        all = all
          .with(at, all[Math.min(given.to, all.length - 1)] ?? line)
          .with(Math.min(given.to, all.length - 1), line)
        break
      default:
        all = all.toSpliced(at, 0, Buffer.from(given.line))
    }
  }
  const bytes = Buffer.concat(all.map((line) => Buffer.concat([line, Buffer.from('\n')])))
  return bytes.subarray(0, Math.round(bytes.length * cut))
}

/** True where the lines that carry a chain are the end of the log, whole and in order, from the start of a segment on. */
function isProvable(bytes: Buffer): boolean {
  const sealed = bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => parseSealedLine(Buffer.from(line, 'latin1')) !== undefined)
  const wanted = lines.map((line) => Buffer.from(line).toString('latin1'))
  const from = wanted.length - sealed.length
  return (from === 0 || from === 8) && sealed.every((line, at) => line === wanted[from + at])
}

await fuzz(t, 'decision-log', {
  'a log that was touched is never called intact, whatever was done': fuzzed(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = apply(changes)
      writeFileSync(file, bytes)
      const verified = await verifyDecisionLog([file], { head })
      const isIntact = verified.finding === undefined && verified.lines > 0
      if (isIntact && !isProvable(bytes)) return false
      const { finding } = verified
      const count = bytes.toString('latin1').split('\n').length
      return finding === undefined || (finding.line >= 0 && finding.line <= count && finding.text !== '')
    }),
  ),
  'a log that was not touched is intact, other lines in between or not': fuzzed(
    fc.asyncProperty(fc.array(place, { maxLength: 5 }), async (places) => {
      let all: readonly string[] = lines
      for (const at of places) all = all.toSpliced(at, 0, foreign)
      writeFileSync(file, `${all.join('\n')}\n`)
      const verified = await verifyDecisionLog([file], { head })
      return verified.finding === undefined && verified.lines === lines.length && verified.segments === 2
    }),
  ),
  'any piece of it and any noise behind it gets an answer': fuzzed(
    fc.asyncProperty(
      fc.array(change, { maxLength: 3 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      async (changes, noise, partial) => {
        writeFileSync(file, Buffer.concat([apply(changes), noise]))
        const verified = await verifyDecisionLog([file], { partial })
        const bytes = readFileSync(file).length
        return verified.lines <= bytes && (verified.finding === undefined || verified.finding.file === file)
      },
    ),
  ),
  'a sealed line is read as it was sealed': fuzzed(
    fc.property(
      fc.record({ event: text, segment: text, seq: fc.nat(), decisionId: text, more: json }),
      json,
      (object, before) => {
        const sealer = new LineSealer()
        sealer.seal(JSON.stringify({ before }).slice(0, -1))
        const previous = sealer.chain
        const line = sealer.seal(JSON.stringify(object).slice(0, -1))
        const read = parseSealedLine(Buffer.from(line.subarray(0, -1)))
        return (
          read !== undefined &&
          read.chain === sealer.chain &&
          chainOf(previous, read.content) === sealer.chain &&
          read.event === object.event
        )
      },
    ),
  ),
})
