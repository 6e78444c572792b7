import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { AttributeProfile } from '../../src/decision/decision.ts'
import { compileProfile } from '../../src/decision/policy-profile.ts'
import { maxTextOctets, takesTag } from '../../src/decision/radius-attribute.ts'
import { writeProfile } from '../../src/frontends/radius/reply-attributes.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'

const names = [
  'User-Name',
  'user-name',
  'Filter-Id',
  'Class',
  'Reply-Message',
  'NAS-Filter-Rule',
  'Egress-VLAN-Name',
  'Framed-IPv6-Route',
  'Tunnel-Private-Group-Id',
  'Tunnel-Assignment-Id',
  'Tunnel-Password',
  'Tunnel-Client-Auth-Id',
  'Cisco-AVPair',
  'HP-User-Role',
  'ERX-Service-Activate',
  'USR-Filter',
  'WiMAX-Release',
  'My-Own-Attribute',
]

/** Texts about as long as the limits, where two lists of sizes would differ. */
const near = fc
  .tuple(
    fc.oneof(
      { weight: 1, arbitrary: fc.integer({ min: 238, max: 256 }) },
      { weight: 2, arbitrary: fc.nat(40) },
    ),
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('x', 'é') },
      fc.constantFrom('\u{1F600}', ' ', '%{', '\ufeff'),
    ),
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('', '{message}', '{device}', '{url}{reason}') },
      fc.constantFrom('%', ' '),
    ),
  )
  .map(([octets, unit, end]) => {
    const repeated = unit.repeat(Math.floor(octets / Buffer.byteLength(unit)))
    return `${repeated}${'x'.repeat(octets - Buffer.byteLength(repeated))}${end}`
  })
const value = fc.oneof(near, fc.string({ minLength: 1, maxLength: 8 }), fc.nat())
const key = fc
  .tuple(fc.constantFrom(...names), fc.option(fc.integer({ min: 1, max: 31 }), { nil: undefined }))
  .map(([name, tag]) => (tag === undefined ? name : `${name}:${tag}`))
const profile = fc.record(
  {
    vlan: fc.oneof(
      fc.integer({ min: 1, max: 4094 }),
      fc.constantFrom({ id: 'guests', tag: 3 }, '%{', ' ', 'a b'),
    ),
    filterId: near,
    replyMessage: near,
    arubaUserRole: near,
    ciscoUrlRedirect: fc.record({ url: near, acl: near }),
    sessionTimeoutSeconds: fc.integer({ min: 1, max: 86_400 }),
    attributes: fc.dictionary(key, fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 })), {
      maxKeys: 3,
    }),
  },
  { requiredKeys: [] },
)
const filling = fc.string({ unit: 'binary', maxLength: 400 })
const fillings = fc.record({
  reason: filling,
  decisionId: filling,
  device: filling,
  message: filling,
  url: filling,
})

/** True where every attribute of the profile is sent as it is, and fits. */
function isSent(given: AttributeProfile, fixed: readonly (string | number)[][]): boolean {
  return (['v3', 'v4'] as const).every((dialect) => {
    const written = writeProfile(given, dialect)
    if (!written.ok) return false
    const sent = Object.entries(written.value).map(([name, { value }]) => {
      const [, attribute = '', tag] = /^reply[:.]([^:]+)(?::(\d+))?$/.exec(name) ?? []
      return { attribute, tag: tag === undefined ? undefined : Number(tag), value }
    })
    return (
      sent.every(({ attribute, tag, value }) =>
        value.every(
          (one) => typeof one === 'number' || Buffer.byteLength(one) <= maxTextOctets(attribute, tag),
        ),
      ) &&
      given.attributes.every(({ name, tag, values }, index) => {
        const there = sent
          .filter((one) => one.attribute === name && one.tag === tag)
          .flatMap((one) => one.value)
        if (name.toLowerCase() === 'reply-message') return true
        return values.length === 0 || (fixed[index] ?? []).every((one) => there.includes(one))
      })
    )
  })
}

t.test('every profile that loads can be sent, whatever fills its placeholders', async (t) => {
  let loaded = 0
  fc.assert(
    fc.property(profile, fillings, (keys, values) => {
      const text = JSON.stringify({
        profiles: { p: keys },
        rules: [{ name: 'a', decision: 'allow', profile: 'p' }],
      })
      const parsed = parsePolicy(text, 'p.yaml')
      if (!parsed.ok) return true
      loaded += 1
      return parsed.value.definition.profiles.every((definition) => {
        const fixed = definition.attributes.map((attribute) =>
          attribute.values.filter((one) => typeof one !== 'object'),
        )
        return isSent(
          compileProfile(definition).fill(() => values),
          fixed,
        )
      })
    }),
    { numRuns: 4000 },
  )
  t.ok(loaded > 500, `${loaded} of 4,000 profiles loaded`)
})

t.test('what would be cut, changed or left out is refused when the file is read', async (t) => {
  for (const [keys, problem] of [
    [{ attributes: { 'User-Name': 'x'.repeat(254) } }, /is 254 bytes long, of which at most 253 fit/],
    [{ attributes: { 'Tunnel-Private-Group-Id:1': 'x'.repeat(253) } }, /of which at most 252 fit/],
    [{ attributes: { 'ERX-Service-Activate:1': 'x'.repeat(247) } }, /of which at most 246 fit/],
    [{ attributes: { 'Tunnel-Password:1': 'x'.repeat(240) } }, /of which at most 239 fit/],
    [{ attributes: { 'USR-Filter': 'x'.repeat(246) } }, /of which at most 245 fit/],
    [{ attributes: { 'Filter-Id:1': 'x' } }, /takes no tag/],
    [{ attributes: { 'Session-Timeout:1': 5 } }, /takes no tag/],
    [{ filterId: ' ' }, /must not be blank/],
    [{ ciscoUrlRedirect: { url: ' ', acl: 'A' } }, /must not be blank/],
    [{ arubaUserRole: '%{User-Name}' }, /must not have %\{ or %\( in it/],
  ] as const) {
    const text = JSON.stringify({
      profiles: { p: keys },
      rules: [{ name: 'a', decision: 'allow', profile: 'p' }],
    })
    const parsed = parsePolicy(text, 'p.yaml')
    t.equal(parsed.ok, false, JSON.stringify(keys).slice(0, 60))
    if (!parsed.ok) t.match(parsed.fault.message, problem)
  }
  for (const keys of [
    { attributes: { 'User-Name': 'x'.repeat(253) } },
    { attributes: { 'NAS-Filter-Rule': 'x'.repeat(253) } },
  ]) {
    const text = JSON.stringify({
      profiles: { p: keys },
      rules: [{ name: 'a', decision: 'allow', profile: 'p' }],
    })
    t.equal(parsePolicy(text, 'p.yaml').ok, true, 'as long as it may be')
  }
})

const dictionaries = '/usr/share/freeradius'

t.test(
  'the sizes and tags are those of the dictionaries of FreeRADIUS',
  { skip: existsSync(dictionaries) ? false : 'FreeRADIUS is not installed' },
  async (t) => {
    const wrong: string[] = []
    let texts = 0
    for (const file of readdirSync(dictionaries).filter((name) => name.startsWith('dictionary.'))) {
      // Not attributes of a packet, or with a numbering of their own that the default dictionary leaves out.
      if (/internal|dhcp|vqp|illegal|vsa1|compat|yubico|evs5/.test(file)) continue
      const text = readFileSync(join(dictionaries, file), 'utf8')
      const vendor = /^VENDOR\s+\S+\s+\d+(?:\s+format=(\d),(\d)(,c)?)?/m.exec(text)
      const header =
        vendor?.[1] === undefined ? 2 : Number(vendor[1]) + Number(vendor[2]) + (vendor[3] ? 1 : 0)
      for (const [, name = '', number = '', type = '', flags = ''] of text.matchAll(
        /^ATTRIBUTE\s+(\S+)\s+(\S+)\s+(string|octets)\b[ \t]*(\S*)/gm,
      )) {
        if (number.includes('.') || flags.includes('encrypt')) continue
        texts += 1
        const most = vendor ? 253 - 4 - header : 253
        if (maxTextOctets(name) > most)
          wrong.push(`${file} ${name} ${type}: ${maxTextOctets(name)} of ${most}`)
        if (flags.includes('has_tag') && !takesTag(name)) wrong.push(`${name} takes a tag`)
      }
    }
    t.same(wrong, [])
    t.ok(texts > 1000, `${texts} attributes`)
  },
)
