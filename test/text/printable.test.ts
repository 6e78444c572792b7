import fc from 'fast-check'
import t from 'tap'
import { printable, printableLines, printableValues } from '../../src/text/printable.ts'

t.test('what a terminal would act on is shown instead', async (t) => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    'an escape sequence': ['\u001b[2K\u001b[1Aintact', '\\u001b[2K\\u001b[1Aintact'],
    'a carriage return': ['altered\rintact ', 'altered\\u000dintact '],
    'a line end': ['a\nintact: 5 line(s)', 'a\\u000aintact: 5 line(s)'],
    'a hyperlink, OSC 8': ['\u001b]8;;http://x\u0007y', '\\u001b]8;;http://x\\u0007y'],
    'C1 control characters': ['\u009b31m\u0090\u009c\u0085', '\\u009b31m\\u0090\\u009c\\u0085'],
    'backspace, bell, DEL': ['\b\u0007\u007f', '\\u0008\\u0007\\u007f'],
    'right-to-left override': ['\u202edeny\u202c', '\\u202edeny\\u202c'],
    'isolates and marks': [
      '\u2066\u2067\u2068\u2069\u200e\u200f\u061c',
      '\\u2066\\u2067\\u2068\\u2069\\u200e\\u200f\\u061c',
    ],
    'zero width': ['a\u200b\u200c\u200d\u2060\ufeffb', 'a\\u200b\\u200c\\u200d\\u2060\\ufeffb'],
    'line and paragraph separators': ['\u2028\u2029', '\\u2028\\u2029'],
    'soft hyphen, fillers, variation selectors': ['\u00ad\u3164\ufe0f', '\\u00ad\\u3164\\ufe0f'],
    tags: ['\u{e0041}', '\\udb40\\udc41'],
    'half a character': ['\ud800', '\\ud800'],
    'what is plain': ['Büro 北京 🔒 "x" \\n \u00a0', 'Büro 北京 🔒 "x" \\n \u00a0'],
  }
  for (const [name, [text, shown]] of Object.entries(cases)) t.equal(printable(text), shown, name)
})

t.test('lines and columns of our own stay, and JSON reads back as what it was', async (t) => {
  t.equal(printableLines('a\n\tb\r\n'), 'a\n\tb\\u000d\n')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = printableLines(JSON.stringify({ [text]: [text] }, null, 2))
      const back = JSON.parse(shown) as object
      return (
        !/[^\P{C}\n\p{Co}\p{Cn}]/u.test(shown) && JSON.stringify(back) === JSON.stringify({ [text]: [text] })
      )
    }),
  )
})

t.test('every text of a value is shown, whatever it is in', async (t) => {
  const value = { a: ['\u001b', { 'b\r': '\u202e' }], n: 1, no: null, yes: true, u: undefined }
  t.same(printableValues(value), {
    a: ['\\u001b', { 'b\\u000d': '\\u202e' }],
    n: 1,
    no: null,
    yes: true,
    u: undefined,
  })
})
