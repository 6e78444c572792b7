import t from 'tap'
import { fillText, type PlaceholderValues } from '../../src/decision/policy-profile.ts'
import { parseTemplate } from '../../src/policy/text-template.ts'

const values: PlaceholderValues = {
  message: 'MMMM',
  reason: 'RRRR',
  device: 'DDDD',
  url: 'UUUU',
  decisionId: 'IIII',
}

function filled(text: string, maxBytes: number, given: Partial<PlaceholderValues> = {}): string {
  const template = parseTemplate(text, maxBytes)
  if (typeof template === 'string' || 'problem' in template) throw new Error('not a template')
  return fillText(template, { ...values, ...given })
}

for (const [maxBytes, text] of [
  [24, 'RRRR|IIII|DDDD|MMMM|UUUU'],
  [23, 'RRRR|IIII|DDDD|MMM|UUUU'],
  [20, 'RRRR|IIII|DDDD||UUUU'],
  [19, 'RRR|IIII|DDDD||UUUU'],
  [16, '|IIII|DDDD||UUUU'],
  [15, '|IIII|DDD||UUUU'],
  [12, '|IIII|||UUUU'],
  [11, '|IIII|||UUU'],
  [8, '|IIII|||'],
  [7, '|III|||'],
  [4, '||||'],
] as const) {
  t.test(`of a text with room for ${maxBytes} bytes is left ${text}`, async (t) => {
    t.equal(filled('{reason}|{decisionId}|{device}|{message}|{url}', maxBytes), text)
  })
}

t.test('a placeholder that is used twice is cut at both places, by no more than it takes', async (t) => {
  t.equal(filled('{message}{message}', 8), 'MMMMMMMM')
  t.equal(filled('{message}{message}', 6), 'MMMMMM')
  t.equal(filled('{message}{message}', 5), 'MMMM')
  t.equal(filled('{message}{url}{message}', 10), 'MMMUUUUMMM')
  t.equal(filled('{url}{url}{message}', 5), 'UUUU')
})

t.test('a text that is too long without the words that may be cut first loses what it has', async (t) => {
  t.equal(filled('{url}', 3), 'UUU')
  t.equal(filled('{decisionId}', 3), 'III')
})

t.test('what is cut fills the room to the last byte that holds a whole character', async (t) => {
  t.equal(filled('{message}', 4, { message: 'ééé' }), 'éé')
  t.equal(filled('{message}', 5, { message: 'ééé' }), 'éé')
  t.equal(filled('{message}', 6, { message: 'a😀😀' }), 'a😀')
})

t.test('each run of control characters becomes one space, so that words stay apart', async (t) => {
  t.equal(filled('{message}', 100, { message: 'a\r\n\tb\u0000c' }), 'a b c')
})
