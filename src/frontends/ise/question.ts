import { failure, type Outcome, success } from '../../errors/fault.ts'
import { parseFilter, type WantedAttributes } from './attributes.ts'
import type { ListIdentifier } from './noncompliant-pages.ts'

/** Versions of Cisco's MDM API: 1 has its parameters in the path, 2 (ISE 1.4) in the query, 3 (ISE 3.1) adds GUIDs. */
export type ApiVersion = 1 | 2 | 3

/** Every version, newest first. */
export const apiVersions = [3, 2, 1] as const satisfies readonly ApiVersion[]

/** What a single device can be asked about by. */
export type DeviceCriterion = 'macaddress' | 'guid' | 'udid' | 'imei' | 'meid' | 'serialnumber'

/** What ISE asks, of the right shape; `value` is not parsed yet. */
export type DeviceQuestion =
  | {
      readonly about: 'device'
      readonly criterion: DeviceCriterion
      readonly value: string
      readonly wanted: WantedAttributes
    }
  | {
      readonly about: 'noncompliant'
      readonly by: ListIdentifier
      /** Where the page starts; 0 is the beginning. */
      readonly from: number
      readonly wanted: WantedAttributes
    }

/** The parameters as Fastify parsed them: texts, and lists of texts where a name is repeated. */
export interface RawQuestion {
  readonly paging?: unknown
  readonly querycriteria?: unknown
  readonly value?: unknown
  readonly filter?: unknown
  readonly deviceidentifier?: unknown
}

const deviceCriteria: ReadonlySet<string> = new Set<DeviceCriterion>([
  'macaddress',
  'guid',
  'udid',
  'imei',
  'meid',
  'serialnumber',
])

const notAnswered: Readonly<Record<string, string>> = {
  username:
    'A user may have several devices, so a user name cannot decide about one: ask by guid or macaddress.',
  guidhn:
    'Devices cannot be looked up by host name: ask by guid or macaddress (Device Identifier in the MDM server form of ISE).',
}

/**
 * Reads the version that ISE supports, `ise_api_version` of mdminfo, and gives the one to answer with: the newest that
 * is not above it. Absent is version 1, which does not know the parameter. Fails with `request_malformed`.
 */
export function parseApiVersion(text: unknown): Outcome<ApiVersion> {
  if (text === undefined) return success(1)
  const requested = typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : 0
  const version = apiVersions.find((candidate) => candidate <= requested)
  if (version !== undefined) return success(version)
  return malformed('ise_api_version', 'ise_api_version must be a whole number from 1 on.')
}

/**
 * Reads a device query. Parameters that are not known are left alone: a newer ISE may send more.
 * Fails with `request_malformed`, and with `identifier_not_supported` for what this service cannot answer.
 */
export function parseQuestion(raw: RawQuestion, version: ApiVersion): Outcome<DeviceQuestion> {
  for (const name of ['paging', 'querycriteria', 'value', 'filter', 'deviceidentifier'] as const) {
    const text = raw[name]
    if (text !== undefined && typeof text !== 'string') return malformed(name, `${name} was given twice.`)
  }
  const { querycriteria, value = '', filter = '', deviceidentifier, paging } = raw as Record<string, string>
  const wanted = parseFilter(filter)
  const criterion = querycriteria?.trim().toLowerCase() ?? ''
  if (deviceCriteria.has(criterion)) {
    if (value.trim() === '') return malformed('value', `value is missing: which ${criterion}?`)
    return success({ about: 'device', criterion: criterion as DeviceCriterion, value, wanted })
  }
  // "All devices" has no criterion. There is no inventory here: what is listed is what somebody has to act on.
  if (criterion === 'compliance' || criterion === '') {
    if (criterion !== '' && value.trim().toLowerCase() !== 'false') {
      return failure(
        'identifier_not_supported',
        'Only the devices that are not compliant can be listed: value=false.',
        { field: 'value' },
      )
    }
    const from = parsePaging(paging)
    if (from === undefined)
      return malformed('paging', 'paging must be 0 or the paging_info of the last page.')
    const by = parseListIdentifier(deviceidentifier, version)
    if (by === undefined) return malformed('deviceidentifier', 'deviceidentifier must be guid or macaddress.')
    return success({ about: 'noncompliant', by, from, wanted })
  }
  const why = Object.hasOwn(notAnswered, criterion) ? notAnswered[criterion] : undefined
  return failure(
    'identifier_not_supported',
    why ?? `querycriteria must be one of ${[...deviceCriteria].join(', ')} or compliance.`,
    { field: 'querycriteria' },
  )
}

function parsePaging(text = '0'): number | undefined {
  const position = /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined
  return position !== undefined && position <= 0x7fffffff ? position : undefined
}

/** Versions 1 and 2 know addresses only. */
function parseListIdentifier(text: string | undefined, version: ApiVersion): ListIdentifier | undefined {
  if (version < 3) return 'macaddress'
  switch (text?.trim().toLowerCase() ?? '') {
    case '':
    case 'guid':
      return 'guid'
    case 'macaddress':
      return 'macaddress'
    default:
      return undefined
  }
}

function malformed(field: string, message: string) {
  return failure('request_malformed', message, { field })
}
