import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { decodeUtf8 } from '../../src/text/utf8-text.ts'

t.test('octets that are not UTF-8 are named with their place, and with what they probably are', async (t) => {
  for (const [name, bytes, line, column, problem] of [
    [
      'Windows-1252',
      Buffer.from('a: 1\nssid: Büro\n', 'latin1'),
      2,
      8,
      /^byte 0xFC is not UTF-8 \(in Windows-1252 it would be "ü"\): .*iconv -f WINDOWS-1252 -t UTF-8/,
    ],
    [
      'behind characters of several octets',
      Buffer.concat([Buffer.from('é€😀'), Buffer.of(0xe9)]),
      1,
      5,
      /byte 0xE9/,
    ],
    ['a character that is cut off', Buffer.from([0x61, 0xe2, 0x82]), 1, 2, /byte 0xE2/],
    ['an overlong form', Buffer.from([0xc0, 0xaf]), 1, 1, /byte 0xC0/],
    ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80]), 1, 1, /byte 0xED/],
    ['UTF-16 LE', Buffer.from('\ufeffrules: []\n', 'utf16le'), 1, 1, /the file is UTF-16, not UTF-8/],
    ['UTF-16 BE', Buffer.from('\ufeffrules: []\n', 'utf16le').swap16(), 1, 1, /the file is UTF-16, not/],
    ['UTF-16 LE without a mark', Buffer.from('rules: []\n', 'utf16le'), 1, 1, /is UTF-16 \(without/],
    ['UTF-16 BE without a mark', Buffer.from('rules: []\n', 'utf16le').swap16(), 1, 1, /is UTF-16 \(without/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), 1, 1, /the file is UTF-32/],
    ['NUL bytes', Buffer.from('rules: []\0'), 1, 1, /binary/],
  ] as const) {
    const decoded = decodeUtf8(bytes)
    t.match(decoded, { line, column, problem }, name)
    t.notOk('text' in decoded, name)
  }
})

t.test('UTF-8 is read as it is, its byte order mark left out', async (t) => {
  t.same(decodeUtf8(Buffer.from('ssid: Büro 热点\n')), { text: 'ssid: Büro 热点\n' })
  t.same(decodeUtf8(Buffer.from('\ufeffrules: []\n')), { text: 'rules: []\n' })
  t.same(decodeUtf8(new Uint8Array()), { text: '' })
  const shared = Buffer.from('xxaéxx')
  t.same(decodeUtf8(shared.subarray(2, 5)), { text: 'aé' }, 'a part of a larger buffer')
})

t.test('every file is a text, or has a place that is in it', async (t) => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 3 }), fc.string())
      .map(([a, b, c]) => Buffer.concat([Buffer.from(a), b, Buffer.from(c)])),
  )
  fc.assert(
    fc.property(bytes, (given) => {
      const decoded = decodeUtf8(given)
      const buffer = Buffer.from(given)
      if (decoded.problem === undefined) {
        return isUtf8(given) && buffer.toString().replace(/^\uFEFF/, '') === decoded.text
      }
      const lines = buffer.toString('latin1').split('\n')
      const line = lines[decoded.line - 1]
      return line !== undefined && decoded.column <= line.length + 1 && (!isUtf8(given) || given.includes(0))
    }),
    { numRuns: 2000 },
  )
  t.pass('2,000 files')
})
