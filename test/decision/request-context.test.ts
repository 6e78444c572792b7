import t from 'tap'
import {
  type ContextText,
  isUnknown,
  presentContextText,
  textsOf,
  unknownContext,
  unreadable,
} from '../../src/decision/request-context.ts'

const contradictory: ContextText = { alternatives: ['Corp', 'Vault'], isOpen: false }
const likely: ContextText = { text: 'Corp', alternatives: ['ap:Corp'], isOpen: false }

/** A text, how a person reads it, what it may be, and whether nobody can say. */
for (const [name, given, shown, texts, unknown] of [
  ['a plain one', 'Corp', 'Corp', ['Corp'], false],
  ['an empty one', '', '', [''], false],
  ['one that is all but certain', likely, 'Corp', ['Corp', 'ap:Corp'], false],
  ['an empty one that is all but certain', { ...likely, text: '' }, '', ['', 'ap:Corp'], false],
  ['one of two', contradictory, 'Corp or Vault', ['Corp', 'Vault'], true],
  ['one of one, which is a guess', { ...contradictory, alternatives: ['Corp'] }, 'Corp', ['Corp'], true],
  ['one that nobody can read', unreadable, 'unknown', [], true],
] as const) {
  t.test(`the text of a request: ${name}`, async (t) => {
    t.equal(presentContextText(given), shown)
    t.same(textsOf(given), texts)
    t.equal(isUnknown(given), unknown)
  })
}

t.test('a text that the request does not have is nothing, and not unknown', async (t) => {
  t.equal(presentContextText(undefined), null)
  t.equal(isUnknown(undefined), false)
})

t.test('of many texts a person reads the first four', async (t) => {
  const alternatives = ['a', 'b', 'c', 'd', 'e']
  t.equal(presentContextText({ alternatives, isOpen: false }), 'a or b or c or d')
})

t.test('the conditions whose text is unknown are told by name', async (t) => {
  t.same(unknownContext(undefined), [])
  t.same(unknownContext({}), [])
  t.same(unknownContext({ nasIpAddress: '192.0.2.1', nasIdentifier: 'sw-1', ssid: 'Corp' }), [])
  t.same(unknownContext({ ssid: likely, nasIdentifier: likely, nasIpAddress: likely }), [])
  t.same(unknownContext({ nasIpAddress: unreadable }), ['nasAddress'])
  t.same(unknownContext({ nasIpAddress: '192.0.2.1', nasIdentifier: unreadable }), ['nasIdentifier'])
  t.same(unknownContext({ nasIdentifier: 'sw-1', ssid: contradictory }), ['ssid'])
  t.same(unknownContext({ nasIpAddress: unreadable, nasIdentifier: likely, ssid: unreadable }), [
    'nasAddress',
    'ssid',
  ])
})

t.test('a text that nobody can read stays so', async (t) => {
  t.throws(() => Object.assign(unreadable, { text: 'Corp' }))
  t.throws(() => (unreadable.alternatives as string[]).push('Corp'))
})
