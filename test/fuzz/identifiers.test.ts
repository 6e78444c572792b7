import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../src/errors/fault.ts'
import type { IdentifierKind, IdentityAttributes } from '../../src/identity/device-identity.ts'
import {
  parseImei,
  parseMeid,
  parseSerialNumber,
  parseUdid,
} from '../../src/identity/hardware-identifiers.ts'
import { deviceIdsInSubject, parseDeviceId } from '../../src/identity/intune-device-id.ts'
import { parseMacAddress } from '../../src/identity/mac-address.ts'
import { parseIdentity } from '../../src/identity/parse-identity.ts'
import { readOpensslSan, readSanText } from '../../src/identity/san-text.ts'
import { digits, guid, json, mutated, optional, sanUri, spelledMac, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

/** What an identifier looks like once it is past the edge: cache keys and addresses are made of it. */
const canonical: Readonly<Record<IdentifierKind, RegExp>> = {
  deviceId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  serialNumber: /^[\x20-\x60\x7b-\x7e]{1,128}$/,
  imei: /^\d{15}$/,
  meid: /^[0-9A-F]{14}$/,
  udid: /^(?:[0-9a-f]{40}|[0-9A-F]{8}-[0-9A-F]{16})$/,
  mac: /^[0-9A-F]{12}$/,
}

/** A refusal names the field, and of the caller's text at most 40 printable characters. */
function isFitRefusal(outcome: Outcome<unknown>, field: string): boolean {
  if (outcome.ok) return false
  const { code, message, field: named } = outcome.fault
  return code === 'identifier_malformed' && named === field && /^[\x20-\x7e]{1,600}$/.test(message)
}

/** Canonical and unchanged when it is parsed again, or refused. */
function settles(parse: (given: string) => Outcome<string>, kind: IdentifierKind) {
  return (given: string) => {
    const once = parse(given)
    if (!once.ok) return isFitRefusal(once, kind)
    const twice = parse(once.value)
    return canonical[kind].test(once.value) && twice.ok && twice.value === once.value
  }
}

const macText = (given: string): Outcome<string> => {
  const parsed = parseMacAddress(given)
  return parsed.ok ? { ok: true, value: parsed.value.value } : parsed
}

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9A-Fa-f]{${length}}$`))
const spelledId = fc
  .tuple(guid, fc.constantFrom('plain', 'braces', 'upper', 'bare', 'uri'))
  .map(([id, form]) => {
    const forms: Readonly<Record<string, string>> = {
      plain: id,
      braces: `{${id}}`,
      upper: ` ${id.toUpperCase()} `,
      bare: id.replaceAll('-', ''),
      uri: `URI:IntuneDeviceId://${id}`,
    }
    return { id, written: forms[form] ?? id }
  })
/** Other names that OpenSSL, FreeRADIUS and ClearPass print beside the URI, none of which counts. */
const otherName = fc.oneof(
  guid.map((id) => `DNS:${id}.example`),
  guid.map((id) => `DNS:host-${id}`),
  guid.map((id) => `othername: UPN::${id}@example.com`),
  guid.map((id) => `email:${id}@example.com`),
  fc.constant('URI:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1'),
  fc.constant('IP Address:192.0.2.1'),
)
const attributeTexts = fc.oneof(
  text,
  spelledMac.map(({ written }) => written),
  spelledId.map(({ written }) => written),
  sanUri.map(({ uri }) => `URI:${uri}`),
  digits(15),
  digits(18),
  hex(14),
  hex(40),
  mutated(
    fc.oneof(
      sanUri.map(({ uri }) => `DNS:a, URI:${uri}`),
      spelledMac.map(({ written }) => written),
    ),
  ),
)
const attributes = fc.record(
  Object.fromEntries(
    ['deviceId', 'certificateSan', 'certificateCn', 'serialNumber', 'imei', 'meid', 'udid', 'mac'].map(
      (name) => [
        name,
        optional(
          fc.oneof(
            { weight: 8, arbitrary: attributeTexts },
            fc.array(attributeTexts, { maxLength: 4 }),
            json,
          ),
        ),
      ],
    ),
  ),
) as fc.Arbitrary<IdentityAttributes>

await fuzz(t, 'identifiers', {
  'a MAC address comes out canonical from every spelling': fuzzed(
    fc.property(spelledMac, ({ mac, written }) => {
      const first = Number.parseInt(mac.slice(0, 2), 16)
      const parsed = parseMacAddress(written)
      if (mac === '000000000000' || (first & 1) === 1) return isFitRefusal(parsed, 'mac')
      return parsed.ok && parsed.value.value === mac && parsed.value.randomized === ((first & 2) === 2)
    }),
  ),
  'anything like a MAC address is canonical or refused': fuzzed(
    fc.property(fc.oneof(text, mutated(spelledMac.map(({ written }) => written))), settles(macText, 'mac')),
  ),
  'an IMEI without check digit and with it are one': fuzzed(
    fc.property(digits(14), digits(2), (body, version) => {
      const short = parseImei(body)
      if (!short.ok) return /^(.)\1*$/.test(body)
      const withVersion = parseImei(body + version)
      return (
        short.value.startsWith(body) &&
        canonical.imei.test(short.value) &&
        (withVersion.ok ? withVersion.value === short.value : /^(.)\1*$/.test(body + version))
      )
    }),
  ),
  'a MEID in hex and in decimal are one': fuzzed(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffff), (upper, lower) => {
      const inHex = (upper.toString(16).padStart(8, '0') + lower.toString(16).padStart(6, '0')).toUpperCase()
      const inDecimal = `${String(upper).padStart(10, '0')}${String(lower).padStart(8, '0')}`
      const [one, other] = [parseMeid(inHex), parseMeid(inDecimal)]
      return one.ok ? other.ok && other.value === one.value && one.value === inHex : !other.ok
    }),
  ),
  'anything like an IMEI is canonical or refused': fuzzed(
    fc.property(fc.oneof(text, mutated(digits(15))), settles(parseImei, 'imei')),
  ),
  'anything like a MEID is canonical or refused': fuzzed(
    fc.property(fc.oneof(text, mutated(fc.oneof(hex(14), digits(18)))), settles(parseMeid, 'meid')),
  ),
  'anything like a UDID is canonical or refused': fuzzed(
    fc.property(
      fc.oneof(
        text,
        mutated(
          fc.oneof(
            hex(40),
            fc.tuple(hex(8), hex(16)).map((both) => both.join('-')),
          ),
        ),
      ),
      settles(parseUdid, 'udid'),
    ),
  ),
  'anything like a serial number is canonical or refused': fuzzed(
    fc.property(fc.oneof(text, fc.string()), settles(parseSerialNumber, 'serialNumber')),
  ),
  'a device id comes out canonical from every form': fuzzed(
    fc.property(spelledId, ({ id, written }) => {
      const parsed = parseDeviceId(written)
      return parsed.ok && parsed.value === id
    }),
  ),
  'anything like a device id is canonical or refused': fuzzed(
    fc.property(
      fc.oneof(text, mutated(spelledId.map(({ written }) => written))),
      settles(parseDeviceId, 'deviceId'),
    ),
  ),
  'the device id that comes first in a SAN is read, and only that': fuzzed(
    fc.property(
      sanUri,
      fc.array(otherName, { maxLength: 4 }),
      fc.constantFrom('URI:', ''),
      fc.constantFrom(', ', ',', '\n', ';', '|'),
      ({ id, uri }, others, label, separator) => {
        const { ids, doubtfulIds } = readSanText([`${label}${uri}`, ...others].join(separator))
        return ids.length === 1 && ids[0] === id && doubtfulIds.length === 0
      },
    ),
  ),
  'a device id behind a name that a user may choose is not counted, and told': fuzzed(
    fc.property(
      sanUri,
      fc.array(
        otherName.filter((name) => !/^(?:URI:tag|IP)/.test(name)),
        { minLength: 1, maxLength: 4 },
      ),
      fc.constantFrom('URI:', ''),
      fc.constantFrom(', ', ',', '\n', ';', '|'),
      ({ id, uri }, others, label, separator) => {
        const { ids, doubtfulIds } = readSanText([...others, `${label}${uri}`].join(separator))
        return ids.length === 0 && doubtfulIds.length === 1 && doubtfulIds[0] === id
      },
    ),
  ),
  'other names alone hold no device id': fuzzed(
    fc.property(fc.array(otherName, { maxLength: 6 }), (names) => {
      const readings = [readSanText(names.join(', ')), readOpensslSan(names.join(', '), {})]
      return readings.every(({ ids, isUnreadable }) => ids.length === 0 && !isUnreadable)
    }),
  ),
  'whatever a SAN or a subject is, only canonical ids come out of it': fuzzed(
    fc.property(fc.oneof(text, mutated(sanUri.map(({ uri }) => `DNS:a, URI:${uri}, CN=${uri}`))), (given) => {
      const readings = [readSanText(given), readOpensslSan(given, { dnsNames: ['a'] })]
      const found = [
        ...readings.flatMap(({ ids, doubtfulIds }) => [...ids, ...doubtfulIds]),
        ...deviceIdsInSubject(given),
      ]
      return found.every((id) => canonical.deviceId.test(id))
    }),
  ),
  'everything a request can say is an identity in order or a refusal': fuzzed(
    fc.property(attributes, (given) => {
      const parsed = parseIdentity(given)
      if (!parsed.ok) {
        const { code, message, field } = parsed.fault
        const isFit =
          code === 'identifier_missing' || (code === 'identifier_malformed' && field !== undefined)
        return isFit && /^[\x20-\x7e]{1,600}$/.test(message)
      }
      const { identifiers, conflict, randomizedMac } = parsed.value
      return (
        identifiers.every(({ kind, value }) => canonical[kind].test(value)) &&
        identifiers.every(({ rank }, index) => rank >= (identifiers[index - 1]?.rank ?? 1)) &&
        (conflict !== undefined) === identifiers.filter(({ rank }) => rank === 1).length > 1 &&
        (randomizedMac === undefined || canonical.mac.test(randomizedMac)) &&
        (identifiers.length > 0 || randomizedMac !== undefined)
      )
    }),
  ),
})
