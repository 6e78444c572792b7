import t from 'tap'
import {
  agreedFlag,
  isNilGuid,
  parseFlag,
  parseGuid,
  parseText,
  parseWireDate,
} from '../../src/intune/wire-values.ts'

t.test('rule 1: only what is spelt true or false is a flag, everything else says nothing', async (t) => {
  for (const value of [true, 'true', 'True', 'TRUE', ' true ', '1', 1])
    t.equal(parseFlag(value), true, String(value))
  for (const value of [false, 'false', 'False', 'FALSE', '0', 0])
    t.equal(parseFlag(value), false, String(value))
  for (const value of [
    null,
    undefined,
    '',
    'unknown',
    'yes',
    'compliant',
    2,
    -1,
    [true],
    { value: true },
    '11',
  ]) {
    t.equal(parseFlag(value), undefined, JSON.stringify(value))
  }
  t.equal(agreedFlag([true, 'true']), true, 'two that agree')
  t.equal(agreedFlag([true, false]), undefined, 'two that contradict')
  t.equal(agreedFlag([true, 'x']), undefined, 'one that is unreadable')
  t.equal(agreedFlag([]), undefined, 'none')
})

t.test('rule 3: both date forms of NAC 1.x and ISO 8601 are the same moment', async (t) => {
  const atMs = Date.UTC(2020, 11, 15, 10, 22, 45)
  const forms: [string, string][] = [
    ['12/15/2020 10:22:45', 'us'],
    ['12/15/2020 10:22:45 +00:00', 'us'],
    ['12/15/2020 10:22:45 +0000', 'us'],
    ['12/15/2020 10:22:45Z', 'us'],
    ['12/15/2020 12:22:45 +02:00', 'us'],
    ['12/15/2020 05:52:45 -04:30', 'us'],
    ['2020-12-15T10:22:45Z', 'iso'],
    ['2020-12-15T10:22:45.000Z', 'iso'],
    ['2020-12-15T10:22:45.0000000+00:00', 'iso'],
    ['2020-12-15T10:22:45', 'iso'],
  ]
  for (const [text, form] of forms) t.same(parseWireDate(text), { atMs, form }, text)
})

t.test('rule 3: a date that cannot be read is absent, not an error', async (t) => {
  const texts = [
    '',
    'yesterday',
    '15/12/2020 10:22:45',
    '02/30/2020 10:22:45',
    '12/15/2020',
    '12/15/2020 25:22:45',
    '12/15/2020 10:61:45',
    '12/15/2020 10:22:45 AM',
    '2020-13-15T10:22:45Z',
    '0001-01-01T00:00:00Z',
    '01/01/0001 00:00:00',
    '9999-12-31T23:59:59Z',
    null,
    undefined,
    1608027765,
    {},
  ]
  for (const text of texts) t.equal(parseWireDate(text), undefined, JSON.stringify(text))
  t.equal(parseWireDate({ toString: 1 }), undefined, 'a toString that is data is not called')
})

t.test('ids and texts come out in one form', async (t) => {
  const guid = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
  t.equal(parseGuid(`{${guid.toUpperCase()}}`), guid)
  t.equal(parseGuid('none'), undefined)
  t.equal(parseGuid(undefined), undefined)
  t.equal(parseGuid({ toString: 1 }), undefined, 'a toString that is data is not called')
  t.ok(isNilGuid('00000000-0000-0000-0000-000000000000'))
  t.ok(isNilGuid('{00000000-0000-0000-0000-000000000000}'))
  t.notOk(isNilGuid(guid))
  t.equal(parseText(' a\u0000\u001bb '), 'ab', 'control characters are left out')
  t.equal(parseText('x'.repeat(500))?.length, 200, 'long ones are shortened')
  for (const value of ['', '  ', null, undefined, {}, true])
    t.equal(parseText(value), undefined, String(value))
})
