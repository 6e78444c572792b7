import type { IdentityAttributes } from '../identity/device-identity.ts'
import { nearestIdentifierName } from '../identity/nearest-identifier.ts'
import { printable } from '../text/printable.ts'
import { WrongUse } from './command.ts'

const attributeNames = [
  'mac',
  'deviceId',
  'imei',
  'meid',
  'udid',
  'serialNumber',
  'certificateSan',
  'certificateCn',
] as const satisfies readonly (keyof IdentityAttributes)[]

/** What the help of a command says about identifiers. */
export const identifierHelp = [
  'An identifier is a MAC address or an Intune device id as it is, or name=value, where name is one of',
  `${attributeNames.join(', ')}.`,
]

/** Identifiers as they are typed: name=value, or a bare MAC address or Intune device id. WrongUse where a name is none. */
export function attributesOf(positionals: readonly string[]): IdentityAttributes {
  const attributes: Record<string, string[]> = {}
  for (const text of positionals) {
    const key = nameOf(text) ?? (/[0-9a-f]{8}-[0-9a-f]{4}-/i.test(text) ? 'deviceId' : 'mac')
    const list = attributes[key] ?? []
    list.push(identifierValue(text))
    attributes[key] = list
  }
  return attributes
}

/** One of them without its name, for a search, which takes any kind. WrongUse where the name is none. */
export function identifierValue(text: string): string {
  return nameOf(text) === undefined ? text : text.slice(text.indexOf('=') + 1)
}

/** The kind in front of `=`; undefined where there is none: neither a MAC address nor a device id has one. */
function nameOf(text: string): (typeof attributeNames)[number] | undefined {
  const [, given] = /^\s*([^=]*?)\s*=/.exec(text) ?? []
  if (given === undefined) return undefined
  const name = attributeNames.find((candidate) => candidate === given)
  if (name !== undefined) return name
  const nearest = nearestIdentifierName(given, attributeNames)
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}=?`
  throw new WrongUse(
    `knows no identifier ${JSON.stringify(printable(given.slice(0, 40)))}.${hint} There are ${attributeNames.join(', ')}.`,
  )
}
