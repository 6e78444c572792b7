import fc from 'fast-check'
import t from 'tap'
import { element, escapeXml, optionalElement, writeXml } from '../../../src/frontends/ise/write-xml.ts'
import { collectXml, judgeXml } from './judge-xml.ts'
import { parseStrictly } from './strict-xml.ts'

/** XML 1.0 section 2.2: what may stand in a document at all. */
function isXmlCharacter(character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    code >= 0x10000
  )
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '&',
      '<',
      '>',
      '"',
      "'",
      ']]>',
      '\r',
      '\n',
      '\r\n',
      '\t',
      ' ',
      '&amp;',
      '<![CDATA[',
    ),
  }),
  // Halves of surrogate pairs, control characters and noncharacters on their own.
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
)

t.test('any text comes back from a parser as it was, without what XML forbids', async (t) => {
  fc.assert(
    fc.property(hostile, (text) => {
      const xml = writeXml(element('a', [element('b', text), element('c', '')]))
      collectXml(xml)
      const [b] = parseStrictly(xml).children
      return b?.text === [...text].filter(isXmlCharacter).join('')
    }),
    { numRuns: 1500 },
  )
  t.pass('for 1500 texts')
})

t.test('special characters are written as references', async (t) => {
  t.equal(escapeXml('AT&T <a href="x">\'\r]]>'), 'AT&amp;T &lt;a href=&quot;x&quot;&gt;&apos;&#13;]]&gt;')
  t.equal(escapeXml('a\u0000\u0008\u000b\ud800b\udc00\ufffe\uffff\u{1f600}'), 'ab\u{1f600}')
  t.equal(
    writeXml(element('a', [element('b', 'x'), optionalElement('c', ''), optionalElement('d', undefined)])),
    '<?xml version="1.0" encoding="UTF-8"?>\n<a><b>x</b></a>',
  )
})

t.test('xmllint finds every document well-formed', async (t) => judgeXml(t))
