import type { XmlElement } from '../xml/xml-tree.ts'
import type { NoteDrift } from './drift.ts'
import { parseFlag } from './wire-values.ts'

/**
 * Every element that either version of the dialect is known to send (Cisco ISE MDM API; captured replies of Intune),
 * in each spelling that was seen.
 */
const KNOWN_SPELLINGS: readonly string[] = [
  'ise_api',
  'name',
  'api_version',
  'paging_info',
  'deviceList',
  'device',
  'Attributes',
  'attributes',
  'guid',
  'macaddress',
  'register_status',
  'Compliance',
  'compliance',
  'status',
  'failure_reason',
  'remediation',
  'disk_encryption_on',
  'pin_lock_on',
  'jail_broken',
  'manufacturer',
  'model',
  'imei',
  'meid',
  'udid',
  'serial_number',
  'os_version',
  'phone_number',
]
const spellings = new Set(KNOWN_SPELLINGS)
const names = new Set(KNOWN_SPELLINGS.map((spelling) => spelling.toLowerCase()))

/** Elements that hold a flag that decides. */
const FLAGS = new Set(['register_status', 'status'])

/** Tells what is new about a reply: elements, spellings, and flags that are not `true`, `false` or empty. */
export function noteXmlDrift(element: XmlElement, note: NoteDrift): void {
  const { name, writtenName, text, children } = element
  if (!names.has(name)) note('field', writtenName)
  else if (!spellings.has(writtenName)) note('casing', writtenName)
  const value = text.trim()
  if (FLAGS.has(name) && !['', 'true', 'false'].includes(value)) {
    note(isCaseOf(value) ? 'casing' : 'value', name, value)
  }
  for (const child of children) noteXmlDrift(child, note)
}

function isCaseOf(value: string): boolean {
  return /^[a-z]+$/i.test(value) && parseFlag(value) !== undefined
}
