import fc from 'fast-check'

/** Texts that have broken programs before: injection, limits of Unicode and of numbers, names of prototypes. */
export const nastyTexts = [
  '',
  ' ',
  '\0',
  '\u0001\u001b[31m',
  '\r\n\r\nHTTP/1.1 200 OK\r\n',
  '\ud800',
  '\udc00\ud800',
  '\u202e\u2028\u2029',
  '\ufeff',
  '\ufffe\uffff',
  '\u{10ffff}',
  'İıſK',
  '٣٤',
  '%00',
  '%zz',
  '%{User-Password}',
  '%%%{{x}}',
  '{message}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '-0',
  '1e309',
  'NaN',
  '0x10',
  '99999999999999999999',
  '../../etc/passwd',
  "' or 1=1--",
  '<![CDATA[',
  ']]>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '&b;',
  '&#0;',
  '&#x10ffff;',
  '<script>',
  '--',
  '*a',
  '&a',
  '!!x ',
  '? ',
  '|\n',
  '---\n',
  '\t',
  ':',
  ',',
  '"',
  '\\',
  'true',
  'null',
  '[]',
  '{}',
] as const

/** Any text, long ones too. */
export const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 3, arbitrary: fc.constantFrom(...nastyTexts) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 3000 }))
      .map(([part, times]) => part.repeat(times)),
  },
)

/** Anything that JSON can hold, with nasty texts and names in it. */
export const json: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.constantFrom<unknown>(null, true, false, 0, -1, 1, 1e300, 0.1),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.constantFrom<unknown>({ toString: 1 }, { valueOf: null, toString: null }, [{ toString: {} }]),
  ),
})).value

/** The text with up to four places changed: cut, doubled, moved, overwritten, or something inserted. */
export function mutated(
  original: fc.Arbitrary<string>,
  insert: fc.Arbitrary<string> = text,
): fc.Arbitrary<string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true })
  const change = fc.record({
    kind: fc.constantFrom('cut', 'double', 'move', 'overwrite', 'insert', 'case', 'truncate'),
    at: place,
    to: place,
    length: fc.integer({ min: 1, max: 24 }),
    given: insert,
  })
  return fc.tuple(original, fc.array(change, { minLength: 1, maxLength: 4 })).map(([start, changes]) => {
    let result = start
    for (const { kind, at, to, length, given } of changes) {
      const from = Math.floor(at * result.length)
      const [head, part, tail] = [
        result.slice(0, from),
        result.slice(from, from + length),
        result.slice(from + length),
      ]
      switch (kind) {
        case 'cut':
          result = head + tail
          break
        case 'double':
          result = head + part + part + tail
          break
        case 'move': {
          const rest = head + tail
          const target = Math.floor(to * rest.length)
          result = rest.slice(0, target) + part + rest.slice(target)
          break
        }
        case 'overwrite':
          result = head + given + tail
          break
        case 'insert':
          result = head + given + part + tail
          break
        case 'case':
          result = head + (part === part.toUpperCase() ? part.toLowerCase() : part.toUpperCase()) + tail
          break
        default:
          result = head
      }
    }
    return result
  })
}

/** Six octets of any kind. */
export const octets = fc.array(fc.nat(255), { minLength: 6, maxLength: 6 })

/** 12 upper-case hex digits. */
export const canonicalMac = octets.map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase())

/** A MAC address and one of the ways in which it is written. */
export const spelledMac = fc
  .tuple(
    canonicalMac,
    fc.constantFrom(2, 4, 6, 12),
    fc.constantFrom(':', '-', '.', ' '),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([mac, group, separator, lower, padded]) => {
    const groups = mac.match(new RegExp(`.{${group}}`, 'g')) ?? []
    const written = lower ? groups.join(separator).toLowerCase() : groups.join(separator)
    return { mac, written: padded ? `  ${written}\t` : written }
  })

/** A GUID in lower case that is not all zeros. */
export const guid = fc.uuid()

/** The URI of a SAN that holds a device id, in the forms of Microsoft and of Cisco. */
export const sanUri = fc
  .tuple(
    guid,
    fc.constantFrom('IntuneDeviceId://', 'ID:Microsoft Endpoint Manager:GUID:', 'ID:Intune:GUID', 'GUID:'),
  )
  .map(([id, marker]) => ({ id, uri: `${marker}${id}` }))

/** Numbers as digits. */
export const digits = (length: number) =>
  fc.array(fc.nat(9), { minLength: length, maxLength: length }).map((all) => all.join(''))

/** Something that may be absent. */
export const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
