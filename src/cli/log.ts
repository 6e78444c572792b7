import { type LogVerification, verifyDecisionLog } from '../telemetry/verify-decision-log.ts'
import { printable, printableValues } from '../text/printable.ts'
import { type Command, exitCodes, UnusableFile, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { readable, withRotated } from './log-files.ts'
import { logShow } from './log-show.ts'
import { coloured } from './terminal.ts'

const form = {
  name: 'log verify',
  usage: ['FILE... [options]'],
  does: [
    'Finds the first line of a decision log that was altered, removed or reordered.',
    'One FILE takes FILE.1, FILE.2 and so on along, oldest first; several are read in the order given.',
  ],
  operands: { FILE: 'a decision log, as DECISION_LOG_FILE names it' },
  options: {
    head: {
      type: 'string',
      argument: 'HASH',
      meaning: 'chain of the last line, kept elsewhere: finds lines cut off at the end',
    },
    partial: { type: 'boolean', default: false, meaning: 'the file begins in the middle of a log' },
    json: { type: 'boolean', default: false, meaning: 'the result as JSON' },
  },
  examples: ['log verify decisions.log'],
  exitCodes: { 0: 'an unbroken chain', 1: 'a finding', 2: 'wrong use, or nothing to verify' },
} as const satisfies CommandForm

const verify = defineCommand(form, async ({ values, positionals }, context) => {
  const [only, ...more] = positionals
  if (only === undefined) throw new WrongUse('is used as: log verify FILE...')
  if (values.head !== undefined && !/^[0-9a-f]{64}$/.test(values.head))
    throw new WrongUse('--head takes 64 hexadecimal digits, the chain of the last line')
  const files = more.length > 0 ? positionals : withRotated(only)
  const { head, partial } = values
  const verified = await readable(verifyDecisionLog(files, { partial, ...(head !== undefined && { head }) }))
  if (verified.lines === 0 && !verified.finding)
    throw new UnusableFile(`${printable(only)} has no line of a decision log`)
  context.out(
    values.json ? JSON.stringify({ files, ...verified }, null, 2) : asText(printableValues(verified)),
  )
  return verified.finding ? exitCodes.no : exitCodes.fine
})

function asText({ finding, lines, segments, notes, head }: LogVerification): string {
  const noted = notes.map((note) => `note: ${note}`)
  const counted = `${lines} line(s) in ${segments} segment(s)`
  const last = head ? [`last: segment ${head.segment}, seq ${head.seq}, chain ${head.chain}`] : []
  if (!finding) return [coloured('green', `intact: ${counted}`), ...last, ...noted].join('\n')
  const { kind, file, line, decisionId, text } = finding
  const named = decisionId === undefined ? '' : ` (decision ${decisionId})`
  return [
    `${coloured('red', kind)}: ${file}:${line}${named}: ${text}`,
    `intact before it: ${counted}`,
    ...last,
    ...noted,
  ].join('\n')
}

/** `intune-nac log verify|show` */
export const log: Command = {
  forms: [...verify.forms, ...logShow.forms],
  run: async ([name = '', ...args], context) => {
    if (name === 'verify') return verify.run(args, context)
    if (name === 'show') return logShow.run(args, context)
    throw new WrongUse('is used as: log show FILE..., or log verify FILE...')
  },
}
