import { createReadStream } from 'node:fs'
import { systemClock } from '../clock.ts'
import { readDecisionLines } from '../telemetry/read-decision-lines.ts'
import { printable } from '../text/printable.ts'
import { type CommandContext, exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { readable, withRotated } from './log-files.ts'
import { createLineFilter, type LineFields } from './log-filter.ts'

const form = {
  name: 'log show',
  usage: ['FILE... [options]', '- [options]'],
  does: [
    'Searches a decision log and prints what it finds, oldest first. All that is asked for has to fit.',
    'One FILE takes FILE.1, FILE.2 and so on along; - reads standard input, which may be the whole output',
    'of the service.',
  ],
  operands: { FILE: 'a decision log, as DECISION_LOG_FILE names it' },
  options: {
    device: {
      type: 'string',
      argument: 'IDENTIFIER',
      meaning: 'a MAC address, a device id ..., or its hash as the log has it',
    },
    user: { type: 'string', argument: 'NAME', meaning: 'User-Name, or the user of the certificate' },
    nas: { type: 'string', argument: 'NAS', meaning: 'NAS-IP-Address, a network, or NAS-Identifier' },
    since: { type: 'string', argument: 'TIME', meaning: '30m, 24h or 7d ago, or 2026-11-27T08:30 (UTC)' },
    until: { type: 'string', argument: 'TIME', meaning: 'the same, and what is before it' },
    decision: {
      type: 'string',
      argument: 'WORDS',
      meaning: 'what was decided: allow, deny, remediate, fail',
    },
    sent: {
      type: 'string',
      argument: 'WORDS',
      meaning: 'what the network was told: reject, or reject,noncompliant,unregistered ...',
    },
    id: { type: 'string', argument: 'DECISION_ID', meaning: 'one decision' },
    json: { type: 'boolean', default: false, meaning: 'the lines as they are, JSON' },
  },
  examples: [
    'log show decisions.log --since 24h --sent reject',
    'log show decisions.log --device 00:50:56:A4:89:5A --json',
    'log show - --nas switch-7',
  ],
  exitCodes: { 0: 'found', 1: 'nothing is found', 2: 'wrong use, or a file that cannot be read' },
} as const satisfies CommandForm

/** `intune-nac log show` */
export const logShow = defineCommand(form, async ({ values, positionals }, context) => {
  const [only, ...more] = positionals
  if (only === undefined) throw new WrongUse('is used as: log show FILE, or log show -')
  if (positionals.includes('-') && more.length > 0) throw new WrongUse('takes - alone, or files')
  const fits = createLineFilter(values, systemClock.nowMs())
  const files = more.length > 0 ? positionals : only === '-' ? ['-'] : withRotated(only)
  const seen = { lines: 0, found: 0, hashed: 0, unnamed: 0, withoutSent: 0, withoutContext: 0 }
  for (const file of files) {
    const search = async () => {
      for await (const { text, fields } of readDecisionLines(open(file, context))) {
        note(seen, fields)
        if (!fits(fields)) continue
        if (seen.found === 0 && !values.json) context.out(heading)
        seen.found += 1
        context.out(values.json ? text : rowOf(fields))
      }
    }
    await readable(search())
  }
  context.err(`${seen.found} of ${seen.lines} decision(s)`)
  for (const text of notesOn(seen, values)) context.err(`note: ${text}`)
  return seen.found > 0 ? exitCodes.fine : exitCodes.no
})

function open(file: string, context: CommandContext): AsyncIterable<Uint8Array> {
  return file === '-' ? (context.input ?? process.stdin) : createReadStream(file)
}

interface Seen {
  lines: number
  found: number
  /** Lines whose device is a hash, or not there at all. */
  hashed: number
  unnamed: number
  /** Lines of versions that did not record what was sent, and those without NAS and user. */
  withoutSent: number
  withoutContext: number
}

function note(seen: Seen, fields: LineFields): void {
  seen.lines += 1
  if (typeof fields.device === 'string' && /^[0-9a-f]{32}$/.test(fields.device)) seen.hashed += 1
  if (fields.device === '' && fields.matchedBy !== 'none') seen.unnamed += 1
  if (fields.sent === undefined) seen.withoutSent += 1
  if (fields.frontend === 'radius' && fields.nasIpAddress === undefined) seen.withoutContext += 1
}

/** Why something may be in the log and not be found. */
function notesOn(
  seen: Seen,
  { device, user, nas, sent }: { readonly [Name in 'device' | 'user' | 'nas' | 'sent']?: string | undefined },
): string[] {
  const isNamed = device !== undefined || user !== undefined
  const isHash = /^[0-9a-f]{32}$/i.test(device ?? user ?? '')
  const notes: string[] = []
  if (seen.lines === 0) notes.push('there is no line of a decision in it')
  if (isNamed && !isHash && seen.hashed > 0) {
    notes.push(
      `${seen.hashed} line(s) have hashes in place of identifiers (LOG_DEVICE_IDS=hash). Give the hash instead: "Hashed identifiers" in docs/decision-log.md has the command that makes it from the private key; intune-nac why IDENTIFIER shows it while the service remembers the device.`,
    )
  }
  if (isNamed && seen.unnamed > 0) {
    notes.push(`${seen.unnamed} line(s) name no device (LOG_DEVICE_IDS=none): search by time and NAS.`)
  }
  if (sent !== undefined && seen.withoutSent > 0) {
    notes.push(
      `${seen.withoutSent} line(s) of an earlier version do not say what was sent: --decision finds them.`,
    )
  }
  if ((nas !== undefined || user !== undefined) && seen.withoutContext > 0) {
    notes.push(
      `${seen.withoutContext} line(s) have neither NAS nor user (LOG_REQUEST_CONTEXT=off, or an earlier version).`,
    )
  }
  return notes
}

interface Column {
  readonly title: string
  /** A longer text makes its row wider: nothing is cut, and nothing has to be read twice. */
  readonly width: number
  readonly cell: (fields: LineFields) => string
}

const columns: readonly Column[] = [
  { title: 'time', width: 24, cell: ({ time }) => text(time) },
  { title: 'sent', width: 12, cell: ({ sent }) => text(sent) },
  { title: 'decision', width: 9, cell: ({ decision }) => text(decision) },
  { title: 'reason', width: 19, cell: ({ reason }) => text(reason) },
  { title: 'device', width: 36, cell: ({ device }) => text(device) },
  { title: 'user', width: 24, cell: ({ user, certificateUser }) => text(certificateUser ?? user) },
  {
    title: 'NAS',
    width: 24,
    cell: ({ nasIpAddress, nasIdentifier }) =>
      [nasIdentifier, nasIpAddress].map(text).filter(isShown).join(' '),
  },
  { title: 'port', width: 20, cell: ({ nasPort, nasPortId }) => text(nasPortId ?? nasPort) },
  { title: 'SSID', width: 12, cell: ({ ssid }) => text(ssid) },
  { title: 'asked by', width: 16, cell: ({ client, frontend }) => `${text(client)}/${text(frontend)}` },
  { title: 'decision id', width: 36, cell: ({ decisionId }) => text(decisionId) },
]

const titles = columns.map(({ title, width }) => title.padEnd(width))
const heading = `${titles.join('  ').trimEnd()}\n${columns.map(({ width }) => '-'.repeat(width)).join('  ')}`

function rowOf(fields: LineFields): string {
  return columns
    .map(({ width, cell }) => (printable(cell(fields)) || '-').padEnd(width))
    .join('  ')
    .trimEnd()
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function isShown(cell: string): boolean {
  return cell !== ''
}
