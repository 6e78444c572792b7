import type { DecisionOutcome } from '../decision/decision.ts'
import { sentAnswers } from '../decision/sent-answer.ts'
import { didYouMean } from '../nearest-name.ts'
import { createNetworks, isNetwork } from '../networks/networks.ts'
import { canonicalValues } from '../trace/decision-traces.ts'
import { WrongUse } from './command.ts'
import { identifierValue } from './identifier-argument.ts'

/** What is looked for, as it was typed; what is absent is not looked at. */
export interface WantedLines {
  readonly id?: string | undefined
  readonly device?: string | undefined
  readonly user?: string | undefined
  readonly nas?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly decision?: string | undefined
  readonly sent?: string | undefined
}

/** The fields of a decision line (docs/decision-log.md). Nothing is known of their types: anybody may write a file. */
export type LineFields = Readonly<Record<string, unknown>>

type Test = (fields: LineFields) => boolean

const outcomes = ['allow', 'deny', 'remediate', 'fail'] as const satisfies readonly DecisionOutcome[]

/** A test that takes the lines that are everything of what is wanted. WrongUse where that is nothing that a line can be. */
export function createLineFilter(wanted: WantedLines, nowMs: number): Test {
  const tests: Test[] = []
  const { id, device, user, nas, since, until, decision, sent } = wanted
  if (id !== undefined) tests.push(({ decisionId }) => isSame(decisionId, id))
  if (since !== undefined) {
    const fromMs = parseMoment(since, '--since', nowMs)
    tests.push(({ time }) => momentOf(time) >= fromMs)
  }
  if (until !== undefined) {
    const toMs = parseMoment(until, '--until', nowMs)
    tests.push(({ time }) => momentOf(time) < toMs)
    if (since !== undefined && parseMoment(since, '--since', nowMs) >= toMs) {
      throw new WrongUse('--until must be later than --since')
    }
  }
  if (decision !== undefined) {
    const words = parseWords(decision, '--decision', outcomes)
    tests.push((fields) => words.some((word) => word === fields.decision))
  }
  if (sent !== undefined) {
    const words = parseWords(sent, '--sent', sentAnswers)
    tests.push((fields) => words.some((word) => word === fields.sent))
  }
  if (nas !== undefined) tests.push(nasTest(nas))
  if (device !== undefined) tests.push(deviceTest(identifierValue(device)))
  if (user !== undefined)
    tests.push((fields) => isSame(fields.user, user) || isSame(fields.certificateUser, user))
  return (fields) => tests.every((test) => test(fields))
}

/** Canonical as the log has it, or as it is: a hash is written as it stands in the log. */
function deviceTest(device: string): Test {
  const values = new Set([device.trim().toLowerCase(), ...[...canonicalValues(device)].map(lowerCase)])
  const fits = (value: unknown) => typeof value === 'string' && values.has(value.toLowerCase())
  return (fields) => {
    const others = Array.isArray(fields.otherIdentifiers) ? fields.otherIdentifiers : []
    return fits(fields.device) || others.some((other) => fits((other as { value?: unknown } | null)?.value))
  }
}

function nasTest(nas: string): Test {
  const networks = isNetwork(nas) ? createNetworks([nas]) : undefined
  return ({ nasIpAddress, nasIdentifier }) => {
    const addresses = alternativesOf(nasIpAddress)
    return (
      addresses.some((address) => networks?.contains(address)) ||
      [...addresses, ...alternativesOf(nasIdentifier)].some((text) => isSame(text, nas))
    )
  }
}

/** What could not be read for certain stands in the log as `one or other`. */
function alternativesOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value, ...value.split(' or ')] : []
}

function isSame(value: unknown, text: string): boolean {
  return typeof value === 'string' && lowerCase(value) === lowerCase(text.trim())
}

function lowerCase(text: string): string {
  return text.toLowerCase()
}

/** Not a number, so neither before nor after anything, where it is no moment. */
function momentOf(time: unknown): number {
  return typeof time === 'string' ? Date.parse(time) : Number.NaN
}

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const dateForm = /^\d{4}-\d{2}-\d{2}(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i

function parseMoment(text: string, option: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return nowMs - Number(count) * unitMs[unit as keyof typeof unitMs]
  const [, clock, zone] = dateForm.exec(text) ?? []
  const atMs = dateForm.test(text)
    ? Date.parse(clock === undefined ? text : `${text.slice(0, 10)}T${clock}${zone ?? 'Z'}`)
    : Number.NaN
  // Date.parse carries a 31st of February over into March.
  const isReal = new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(text.slice(8, 10))
  if (!Number.isNaN(atMs) && isReal) return atMs
  throw new WrongUse(
    `${option} takes a time such as 30m, 24h or 7d ago, or 2026-11-27 or 2026-11-27T08:30 (UTC), not ${JSON.stringify(text)}`,
  )
}

function parseWords(text: string, option: string, words: readonly string[]): readonly string[] {
  return text.split(',').map((part) => {
    const word = words.find((known) => known === part.trim().toLowerCase())
    if (word !== undefined) return word
    throw new WrongUse(
      `${option} takes ${words.join(', ')}, or several with commas between them, not ${JSON.stringify(part)}${didYouMean(part, words)}`,
    )
  })
}
