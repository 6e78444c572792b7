import t from 'tap'
import { describeUnseen } from '../../src/text/unseen.ts'

t.test('what an editor, a shell or a store has spoilt is named', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['public\r', /^ends in a carriage return/],
    ['public\r\n', /^ends in a carriage return/],
    ['public\n', /^ends in an empty line/],
    ['\uFEFFpublic', /^begins with a byte order mark/],
    ['p\0u\0b\0', /^is not UTF-8 text/],
    ['B\uFFFDro', /^is not UTF-8 text/],
    [' public', /^begins with a space$/],
    ['public ', /^ends in a space$/],
    ['public\t', /^ends in a tab$/],
    ['"public"', /^is in quotes/],
    ["'public'", /^is in quotes/],
    ['“public”', /^is in quotes/],
    ['`public`', /^is in quotes/],
    ['pub\u200Blic', /^holds a character that cannot be seen: U\+200B \(zero width space\) at position 4$/],
    ['pub\u00A0lic', /U\+00A0 \(no-break space\)/],
    ['pub\u202Elic', /U\+202E \(right-to-left override\)/],
    ['pub\u0007lic', /U\+0007 at position 4/],
    ['pub\nlic', /U\+000A \(line feed\)/],
    ['\u{1F512}\u2800', /U\+2800 at position 2/],
  ]
  for (const [text, cause] of cases) t.match(describeUnseen(text), cause, JSON.stringify(text))
  for (const fine of ['public', '/a path/with spaces', 'Büro', '"', "it's", 'a"b"', '', '北京']) {
    t.equal(describeUnseen(fine), undefined, JSON.stringify(fine))
  }
})
