import { parseSerialNumber } from '../identity/hardware-identifiers.ts'
import type { PolicyFacts } from './policy.ts'
import type { Truth } from './text-pattern.ts'

/** The conditions by which a rule names devices, which are also kinds of identifiers. */
export const deviceConditions = ['deviceId', 'mac', 'serialNumber'] as const

/** The name of a condition that names devices. */
export type DeviceConditionName = (typeof deviceConditions)[number]

/** The devices that a rule names by one kind of identifier; one of them is enough. */
export interface WantedDevices {
  /** In canonical form. */
  readonly values: readonly string[]
  /** List files, as the policy file writes them. */
  readonly files: readonly string[]
  /** True where a device whose identifier of this kind nobody says is meant as well. */
  readonly namesUnknown: boolean
}

/** Whether a value in canonical form is in a list; a look-up takes the same time however long the list is. */
export interface DeviceList {
  readonly size: number
  has(value: string): boolean
}

/** In which list files a device was found when it was decided on, by `deviceListKey`; lists change, stories do not. */
export type FoundInLists = Readonly<Record<string, true | 'unclear'>>

/** The key of a list: one file may be read as a list of one kind alone. */
export function deviceListKey(name: DeviceConditionName, file: string): string {
  return `${name} ${file}`
}

/** What is known of a device by one kind of identifier. */
interface KnownNames {
  /** What decided, and what Intune says of that device. */
  readonly certain: readonly string[]
  /** What else the request names: somebody says so, and nobody has checked it. */
  readonly claimed: readonly string[]
  /** True where it may also be a device that nothing here names. */
  readonly mayBeAnother: boolean
}

type DeviceFacts = Pick<PolicyFacts, 'reason' | 'request' | 'matchedBy' | 'rank' | 'record'>

/**
 * Whether a device is one of those that a rule names. Every identifier of the request counts, and every one that Intune
 * says, so that a device that is refused does not come in by another one: true for the identifier that decided and for
 * what Intune says, `unclear` for the others, which anybody can claim.
 */
export function isNamed(
  name: DeviceConditionName,
  wanted: WantedDevices,
  facts: DeviceFacts & Pick<PolicyFacts, 'listed'>,
  values: DeviceList,
): Truth {
  const known = namesOf(name, facts)
  let truth = findInDoubt(values, known)
  for (const file of wanted.files) truth = either(truth, facts.listed?.[deviceListKey(name, file)] ?? false)
  if (truth === true) return truth
  const isUnknown = known.certain.length === 0 && known.claimed.length === 0
  return wanted.namesUnknown && (isUnknown || known.mayBeAnother) ? true : truth
}

/** The lists that a device is in; undefined where it is in none, as nearly every device. */
export function findInLists(
  lists: ReadonlyMap<string, DeviceList>,
  facts: DeviceFacts,
): FoundInLists | undefined {
  let found: Record<string, true | 'unclear'> | undefined
  for (const [key, list] of lists) {
    const name = deviceConditions.find((one) => key.startsWith(`${one} `))
    const truth = name !== undefined && findInDoubt(list, namesOf(name, facts))
    if (truth === false) continue
    found ??= {}
    found[key] = truth
  }
  return found
}

/** What the device is known as, as a person reads it; the canonical forms, which whoever masks identifiers knows. */
export function presentNames(name: DeviceConditionName, facts: DeviceFacts): string {
  const { certain, claimed, mayBeAnother } = namesOf(name, facts)
  const all = [
    ...certain.slice(0, 4),
    ...claimed.slice(0, 4).map((value) => `perhaps ${value}`),
    ...(mayBeAnother ? ['perhaps another'] : []),
  ]
  return all.length === 0 ? 'not known' : all.join(', ')
}

/** What a rule wants, without the identifiers of devices that this request is not about. */
export function presentWanted({ values, files, namesUnknown }: WantedDevices): string {
  const named =
    values.length === 1 ? 'the device that it names' : `one of ${values.length} devices that it names`
  return [
    ...(values.length > 0 ? [named] : []),
    ...files.map((file) => `a device of ${file}`),
    ...(namesUnknown ? ['unknown'] : []),
  ].join(' or ')
}

/** Any device of the list may be the one that nobody knows; where the list is empty, none is. */
function findInDoubt(list: DeviceList, known: KnownNames): Truth {
  const found = findIn(list, known)
  return found === false && known.mayBeAnother && list.size > 0 ? 'unclear' : found
}

function findIn(list: DeviceList, { certain, claimed }: KnownNames): Truth {
  if (certain.some((value) => list.has(value))) return true
  return claimed.some((value) => list.has(value)) && 'unclear'
}

function either(one: Truth, other: Truth): Truth {
  if (one === true || other === true) return true
  return one === 'unclear' ? one : other
}

function namesOf(name: DeviceConditionName, facts: DeviceFacts): KnownNames {
  const { identity } = facts.request
  const said = saidByIntune(name, facts.record)
  const certain = new Set(said)
  const claimed = new Set<string>()
  for (const { kind, value, rank } of identity?.identifiers ?? []) {
    if (kind !== name) continue
    const isDecider =
      kind === facts.matchedBy && rank === facts.rank && facts.reason !== 'identifier_conflict'
    if (isDecider) certain.add(value)
    else claimed.add(value)
  }
  if (name === 'mac' && identity?.randomizedMac !== undefined) {
    if (facts.reason === 'randomized_mac') certain.add(identity.randomizedMac)
    else claimed.add(identity.randomizedMac)
  }
  return {
    certain: [...certain],
    claimed: [...claimed].filter((value) => !certain.has(value)),
    mayBeAnother: name === 'deviceId' && isInDoubt(facts),
  }
}

/**
 * Whether nobody can say which device of Intune it is: the certificate holds an id that can be read in two ways, Intune
 * could not be asked and nothing is remembered, or its answer has no id. An id out of a common name may be the Entra
 * one. A device that is not enrolled has no id, and a randomised MAC is none of Intune's.
 */
function isInDoubt({ request: { identity }, reason, record }: DeviceFacts): boolean {
  if (identity === undefined || identity.identifiers.some(({ rank }) => rank === 1)) return false
  if ((identity.unreadable?.length ?? 0) > 0) return true
  if (record?.deviceId !== undefined) return false
  return reason === 'intune_unavailable' || record?.enrolled === true
}

/** What Intune says of the device, in canonical form. */
export function saidByIntune(name: DeviceConditionName, record: DeviceFacts['record']): readonly string[] {
  switch (name) {
    case 'deviceId':
      return record?.deviceId === undefined ? [] : [record.deviceId]
    case 'mac':
      return record?.macs ?? []
    case 'serialNumber':
      return serialNumberOf(record)
  }
}

/** As a request would have named it; what many devices have in common is no serial number here either. */
function serialNumberOf(record: DeviceFacts['record']): readonly string[] {
  const text = record?.details?.serialNumber
  const parsed = text === undefined ? undefined : parseSerialNumber(text)
  return parsed?.ok ? [parsed.value] : []
}
