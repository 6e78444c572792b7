import type { ComplianceRecord, DeviceDetails } from './compliance-record.ts'

/** Why a newer answer of Intune is not used yet: the device lost its evaluation, or the mass-flip guard holds it. */
export type HoldCause = 'regressed' | 'mass_flip'

/** A record with the moment at which it has to be asked for again. */
export interface RememberedRecord {
  readonly record: ComplianceRecord
  /** Milliseconds since the epoch. */
  readonly freshUntilMs: number
  /** Set where Intune has said something else since, which does not count yet. */
  readonly held?: HoldCause
  /** How this process came by the record, where the time of observation alone does not say it. */
  readonly known?: KnownSince
}

/** Since when a process knows a record (`Moments`), and whether it found it in the state file. */
export interface KnownSince {
  readonly sinceMs: number
  readonly fromFile: boolean
}

/** The times of a packed record. */
export interface PackedTimes {
  readonly observedAtMs: number
  readonly freshForMs: number
  readonly known?: KnownSince
}

/** What a record says, in one letter: compliant, noncompliant, unknown, not enrolled. */
export type StateLetter = 'c' | 'n' | 'u' | 'x'

/**
 * A record as one short text, in memory and on disk alike: `<state><hold><observed>.<fresh for>|<device id>|<macs>|<rest>`,
 * times in base 36, trailing empty parts left out, `=` for an id that is in the key already. In memory alone
 * `~<known since>` may follow the times, or `!<known since>` where the record comes from the file. A million records as
 * objects with their times and arrays would take four times the memory.
 */
export function packRecord(key: string, { record, freshUntilMs, held, known }: RememberedRecord): string {
  const { observedAtMs, deviceId = '', macs = [], gracePeriodEndsMs, details } = record
  const observed = Math.round(observedAtMs)
  const freshForMs = Math.max(0, Math.round(freshUntilMs) - observed)
  const rest = { ...(gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }), ...(details && { details }) }
  const parts = [
    `${letterOf(record)}${holdLetters[held ?? 'none']}${packTimes({ observedAtMs: observed, freshForMs, ...(known && { known }) })}`,
    isInKey(key, deviceId) ? sameAsKey : deviceId,
    macs.length === 1 && key === `mac/${macs[0]}` ? sameAsKey : macs.join(','),
    Object.keys(rest).length === 0 ? '' : JSON.stringify(rest),
  ]
  return parts.join('|').replace(/\|+$/, '')
}

/** Reads a packed record; nothing for a text of another form, so that a damaged line can be skipped. */
export function unpackRecord(key: string, text: string): RememberedRecord | undefined {
  const [, letter = '', hold = '', observed, freshFor, origin, since, id = '', addresses = '', rest = ''] =
    packedForm.exec(text) ?? []
  const state = states[letter as StateLetter]
  if (state === undefined) return undefined
  const { observedAtMs, freshForMs, known } = readTimes(observed, freshFor, origin, since)
  const more = parseRest(rest)
  if (more === undefined) return undefined
  const held = holdCauses[hold]
  const own = key.slice(key.indexOf('/') + 1)
  const deviceId = id === sameAsKey ? own : id
  const macs = addresses === sameAsKey ? own : addresses
  return {
    record: {
      ...state,
      observedAtMs,
      ...(deviceId !== '' && { deviceId }),
      ...(macs !== '' && { macs: macs.split(',') }),
      ...more,
    },
    freshUntilMs: observedAtMs + freshForMs,
    ...(held && { held }),
    ...(known && { known }),
  }
}

function isInKey(key: string, deviceId: string): boolean {
  return key === `deviceId/${deviceId}` || key === `certificateCn/${deviceId}`
}

/** The state of a packed record without reading the rest. */
export function packedStateOf(text: string): StateLetter {
  return text[0] as StateLetter
}

/** The time of observation of a packed record without reading the rest. */
export function packedObservedAtOf(text: string): number {
  return Number.parseInt(text.slice(2, text.indexOf('.')), 36)
}

/** The times of a packed record without reading the rest. */
export function packedTimesOf(text: string): PackedTimes {
  const [, observed, freshFor, origin, since] = timesForm.exec(text) ?? []
  return readTimes(observed, freshFor, origin, since)
}

function readTimes(observed = '', freshFor = '', origin?: string, since = ''): PackedTimes {
  const times = { observedAtMs: Number.parseInt(observed, 36), freshForMs: Number.parseInt(freshFor, 36) }
  if (origin === undefined) return times
  return { ...times, known: { sinceMs: Number.parseInt(since, 36), fromFile: origin === '!' } }
}

/** The same packed record with other times. */
export function withTimes(text: string, times: PackedTimes): string {
  const [header = ''] = timesForm.exec(text) ?? []
  return text.slice(0, 2) + packTimes(times) + text.slice(header.length)
}

function packTimes({ observedAtMs, freshForMs, known }: PackedTimes): string {
  const times = [observedAtMs, freshForMs].map((ms) => Math.round(ms).toString(36)).join('.')
  if (known === undefined) return times
  return `${times}${known.fromFile ? '!' : '~'}${Math.round(known.sinceMs).toString(36)}`
}

const sameAsKey = '='

const timesForm = /^..([0-9a-z]{1,10})\.([0-9a-z]{1,10})(?:([~!])(-?[0-9a-z]{1,10}))?/

const packedForm =
  /^([cnux])([-RG])([0-9a-z]{1,10})\.([0-9a-z]{1,10})(?:([~!])(-?[0-9a-z]{1,10}))?(?:\|([^|]*))?(?:\|([0-9A-F,]*|=))?(?:\|(\{.*\}))?$/s

const states = {
  c: { enrolled: true, complianceState: 'compliant' },
  n: { enrolled: true, complianceState: 'noncompliant' },
  u: { enrolled: true, complianceState: 'unknown' },
  x: { enrolled: false, complianceState: 'unknown' },
} as const

/** They were r and g once, when a device could be held by the fact of another one: such a record is not read. */
const holdLetters = { none: '-', regressed: 'R', mass_flip: 'G' } as const
const holdCauses: Readonly<Record<string, HoldCause | undefined>> = { R: 'regressed', G: 'mass_flip' }

function letterOf({ enrolled, complianceState }: ComplianceRecord): StateLetter {
  if (!enrolled) return 'x'
  return ({ compliant: 'c', noncompliant: 'n', unknown: 'u' } as const)[complianceState]
}

/** What a later version of this service may have added is kept; what is known has to be of its type. */
const detailTypes: Readonly<Record<string, string | undefined>> = {
  deviceName: 'string',
  manufacturer: 'string',
  model: 'string',
  operatingSystem: 'string',
  osVersion: 'string',
  serialNumber: 'string',
  imei: 'string',
  meid: 'string',
  udid: 'string',
  entraDeviceId: 'string',
  userPrincipalName: 'string',
  ownership: 'string',
  phoneNumber: 'string',
  diskEncrypted: 'boolean',
  jailBroken: 'boolean',
  pinLocked: 'boolean',
  lastSyncMs: 'number',
  graphComplianceState: 'string',
} satisfies Record<keyof DeviceDetails, string>

/** Takes two keys and no other: a damaged row must not put its own words over the state that its first letter says. */
function parseRest(text: string): { gracePeriodEndsMs?: number; details?: DeviceDetails } | undefined {
  if (text === '') return {}
  let rest: { readonly gracePeriodEndsMs?: unknown; readonly details?: unknown }
  try {
    rest = JSON.parse(text)
  } catch {
    return undefined
  }
  const { gracePeriodEndsMs, details } = rest
  if (gracePeriodEndsMs !== undefined && typeof gracePeriodEndsMs !== 'number') return undefined
  if (details !== undefined && !isDetails(details)) return undefined
  return { ...(gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }), ...(details && { details }) }
}

function isDetails(value: unknown): value is DeviceDetails {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([key, detail]) => {
    const expected = Object.hasOwn(detailTypes, key) ? detailTypes[key] : undefined
    return expected === undefined || typeof detail === expected
  })
}
