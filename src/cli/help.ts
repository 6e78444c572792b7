import type { CommandForm, CommandOption } from './command-form.ts'
import { widest } from './table.ts'

/** What `--help` prints of one form of a command. */
export function presentHelp(form: CommandForm): string {
  const usage = form.usage.map((line) => `intune-nac ${form.name} ${line}`.trimEnd())
  const options = Object.entries(form.options).map(
    ([name, option]): Row => [
      option.type === 'string' ? `--${name} ${option.argument}` : `--${name}`,
      `${option.meaning}${presentDefault(option)}`,
    ],
  )
  const exitCodes = form.exitCodes && { 2: 'wrong use', ...form.exitCodes }
  return [
    ...usage.map((line, index) => (index === 0 ? `Usage: ${line}` : `       ${line}`)),
    '',
    ...form.does,
    ...section('Arguments', Object.entries(form.operands ?? {})),
    ...section('Options', [...options, ['-h, --help', 'print this']]),
    ...section('Exit codes', Object.entries(exitCodes ?? {})),
    ...section(
      'Examples',
      form.examples.map((example) => [`intune-nac ${example}`, '']),
    ),
  ].join('\n')
}

type Row = readonly [string, string]

function presentDefault(option: CommandOption): string {
  if (option.type === 'boolean') return ''
  if (option.multiple) return '; may be repeated'
  return option.default === undefined ? '' : ` (default: ${option.default})`
}

function section(title: string, rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return []
  const width = widest(rows.map(([label]) => label))
  return ['', `${title}:`, ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`.trimEnd())]
}
