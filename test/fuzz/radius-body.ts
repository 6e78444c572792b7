import fc from 'fast-check'
import { json, mutated, sanUri, spelledMac, text } from './arbitraries.ts'

const names = [
  'User-Name',
  'user-name',
  'User-Password',
  'Calling-Station-Id',
  'Called-Station-Id',
  'Called-Station-SSID',
  'Aruba-Essid-Name',
  'Acme-SSID',
  'Cisco-AVPair',
  'NAS-Port-Type',
  'NAS-IPv6-Address',
  'NAS-IP-Address',
  'NAS-Identifier',
  'Service-Type',
  'EAP-Message',
  'Intune-Device-Id',
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name',
  'TLS-Client-Cert-Subject-Alt-Name-Uri',
  'TLS-Client-Cert-Subject-Alt-Name-Dns',
  'TLS-Client-Cert-Common-Name',
  'TLS-Client-Cert-Subject',
  '__proto__',
] as const

const value = fc.oneof(
  text,
  spelledMac.map(({ written }) => written),
  sanUri.map(({ uri }) => `DNS:a, URI:${uri}`),
  sanUri.map(({ id }) => id),
  fc.constantFrom(
    'Call-Check',
    '10',
    '10.0.0.1',
    's3cret-of-the-user',
    '00-50-56-A4-89-5A:Corp',
    'ssid=Corp',
    'Wireless-802.11',
    'ap:Corp',
    'B\u00c3\u00bcro',
  ),
)
/** An attribute in the forms of rlm_rest, and in forms that it never has. */
const entry = fc.oneof(
  value,
  fc.array(value, { maxLength: 3 }),
  fc.array(value, { maxLength: 3 }).map((values) => ({ type: 'string', value: values })),
  fc.tuple(fc.nat(255), value).map(([attr_num, one]) => ({ attr_num, type: 'integer', value: [one] })),
  fc.record({ type: text, raw_value: fc.array(value, { maxLength: 2 }) }),
  fc.record({ type: json, value: json, op: json, do_xlat: json }),
  json,
)

const asJson = fc
  .dictionary(fc.oneof(fc.constantFrom(...names), text), entry, { maxKeys: 8, noNullPrototype: true })
  .map((body) => JSON.stringify(body))
const asForm = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...names), text), value), { maxLength: 8 })
  .map((pairs) => new URLSearchParams(pairs.map(([name, one]) => [name, one.toWellFormed()])).toString())

/** As FreeRADIUS 3.2 writes it: no white space, slashes escaped, every attribute with its type and a list. */
const asRlmRest = fc
  .dictionary(
    fc.oneof(fc.constantFrom(...names), text),
    fc
      .tuple(
        fc.constantFrom('string', 'integer', 'a/b'),
        fc.array(fc.oneof(value, fc.nat()), { minLength: 1, maxLength: 3 }),
      )
      .map(([type, values]) => ({ type, value: values })),
    { minKeys: 1, maxKeys: 8, noNullPrototype: true },
  )
  .map((body) => JSON.stringify(body).replaceAll('/', '\\/'))
const jsonPieces = fc.constantFrom(
  '"',
  '\\',
  '\\"',
  ',',
  '{',
  '}',
  '[',
  ']',
  ':',
  ' ',
  '0',
  '-',
  '"x"',
  '\\u0041',
)

/** That, and what differs from it by a little. */
const rlmRestBody = fc.oneof(asRlmRest, mutated(asRlmRest, jsonPieces))

/** The body of a RADIUS request as rlm_rest writes it in JSON or as a form, damaged in all ways. */
export const radiusBody = fc.oneof(asJson, asForm, rlmRestBody, mutated(asJson), mutated(asForm), text)
