import t from 'tap'
import {
  behindShare,
  type LineLimits,
  type Question,
  QuestionLine,
} from '../../src/compliance/question-line.ts'
import { settle } from '../fakes/fake-clock.ts'

const small: LineLimits = { running: 6, waitingOfShare: 4, waiting: 8 }

/** A line, and who has been let through or refused, in order. */
function build(limits: LineLimits = small) {
  const line = new QuestionLine(limits)
  const served: string[] = []
  const refused: string[] = []
  let count = 0
  const ask = (...shares: string[]): Question => {
    count += 1
    const question = { key: `${shares[0]}${count}`, device: `${count}`, shares: new Set(shares) }
    void line
      .enter(question)
      .then((share) => (share === undefined ? refused : served).push(share ?? shares[0] ?? ''))
    return question
  }
  const many = (share: string, times: number) => Array.from({ length: times }, () => ask(share))
  return { line, served, refused, ask, many }
}

t.test('one share has at most twice as many places as it leaves free', async (t) => {
  const { line, served, many } = build({ running: 12, waitingOfShare: 20, waiting: 60 })
  many('batch', 20)
  await settle()
  t.equal(served.length, 8, 'eight of twelve')
  t.same([line.running, line.waiting], [8, 12])
  many('other', 20)
  await settle()
  t.same(served.slice(8), ['other', 'other', 'other'], 'somebody else finds places at once')
  many('third', 1)
  await settle()
  t.same(served.slice(11), ['third'], 'and the next one too')
})

t.test('places are handed over in turn, so one question waits for one', async (t) => {
  const { line, served, many } = build({ running: 3, waitingOfShare: 10, waiting: 30 })
  many('batch', 10)
  many('b', 2)
  many('c', 1)
  await settle()
  t.same(served, ['batch', 'batch', 'b'])
  for (const share of ['batch', 'batch', 'b']) line.leave(share)
  await settle()
  t.same(served.slice(3), ['batch', 'b', 'c'], 'one of each, whoever has how many waiting')
})

t.test('the share that is full is refused, and nobody else is', async (t) => {
  const { line, served, refused, many } = build()
  many('batch', 20)
  await settle()
  t.equal(refused.length, 12)
  t.equal(line.shed, 12)
  many('other', 1)
  await settle()
  t.equal(served.at(-1), 'other')
})

t.test('when everything is full, whoever has most waiting gives its newest up', async (t) => {
  const { served, refused, many, line } = build({ running: 3, waitingOfShare: 6, waiting: 8 })
  many('a', 8)
  many('b', 4)
  await settle()
  t.same([line.running, line.waiting], [3, 8])
  t.same(refused, ['a'], 'the longest lane pays')
  many('c', 1)
  await settle()
  t.same(refused, ['a', 'a'])
  many('a', 1)
  await settle()
  t.same(refused, ['a', 'a', 'a'], 'and makes nobody else pay')
  for (let turn = 0; turn < 3; turn += 1) line.leave(served[turn] ?? '')
  await settle()
  t.ok(served.includes('c'), 'who waits for one thing waits for one turn of each other')
})

t.test('a question that others wait for too has its turn with the first of them', async (t) => {
  const { line, served, ask, many } = build({ running: 3, waitingOfShare: 10, waiting: 30 })
  many('batch', 6)
  const last = ask('batch')
  await settle()
  t.same(served, ['batch', 'batch'])
  line.join(last, 'other')
  await settle()
  t.same(served, ['batch', 'batch', 'other'], 'it does not wait behind the rest of the batch')
  t.equal(line.waiting, 4)
  line.join(last, 'third')
  t.equal(line.waiting, 4, 'who has been served waits no more')
})

t.test('a question that was given up in one lane waits on in the other', async (t) => {
  const { line, served, refused, ask, many } = build({ running: 2, waitingOfShare: 4, waiting: 5 })
  many('a', 5)
  const shared = ask('a')
  line.join(shared, 'b')
  many('c', 2)
  await settle()
  t.notOk(refused.includes('b'))
  for (let turn = 0; turn < 8; turn += 1) {
    const share = served[turn]
    if (share !== undefined) line.leave(share)
    await settle()
  }
  t.ok(served.includes('b'))
})

t.test('refreshes behind get their share and no more, and so does who waits', async (t) => {
  const { line, served, many } = build({ running: 12, waitingOfShare: 40, waiting: 100 })
  many(behindShare, 40)
  await settle()
  const behind = () => served.filter((share) => share === behindShare).length
  t.equal(behind(), 4, 'a third of all places, though nobody else asks')
  many('radius', 40)
  await settle()
  t.ok(served.length - behind() >= 5, `${served.length - behind()} of who waits`)
  for (let turn = 0; turn < 20; turn += 1) {
    line.leave(served[turn] ?? '')
    await settle()
  }
  t.ok(behind() > 4, 'and the refreshes go on')
  t.ok(served.length - behind() > behind(), 'behind those who wait')
})

t.test('a refresh behind is the first to be given up: fewer of them may wait', async (t) => {
  const { line, many } = build({ running: 2, waitingOfShare: 40, waiting: 100 })
  many(behindShare, 40)
  await settle()
  t.equal(line.waiting, 10)
})
