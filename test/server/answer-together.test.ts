import Fastify from 'fastify'
import t from 'tap'
import { createAnswerTogether } from '../../src/server/answer-together.ts'

/** A server that notes what it does, in its order; `fail` in a query makes the answer throw. */
function createNoting() {
  const app = Fastify()
  const together = createAnswerTogether()
  const steps: string[] = []
  app.setErrorHandler((error: Error, _request, reply) => {
    reply.code(500).send({ code: error.message })
  })
  app.get<{ Querystring: { fail?: string } }>('/', (request, reply) => {
    steps.push('decided')
    together(reply, () => {
      steps.push('answered')
      if (request.query.fail !== undefined) throw new Error(request.query.fail)
      reply.send({ decision: 'allow' })
    })
  })
  const ask = (query = '') => app.inject(`/${query}`)
  return { ask, steps }
}

t.test('what is decided in one turn of the event loop leaves after all of it is decided', async (t) => {
  const { ask, steps } = createNoting()
  const answers = await Promise.all([ask(), ask(), ask()])
  t.strictSame(steps, ['decided', 'decided', 'decided', 'answered', 'answered', 'answered'])
  for (const answer of answers) t.strictSame(answer.json(), { decision: 'allow' })
  t.equal((await ask()).statusCode, 200, 'and so does what comes alone, later')
})

t.test('32 answers wait for no more', async (t) => {
  const { ask, steps } = createNoting()
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask()))
  t.strictSame(steps.slice(0, 64), [...Array(32).fill('decided'), ...Array(32).fill('answered')])
  t.strictSame(steps.slice(64), [...Array(8).fill('decided'), ...Array(8).fill('answered')])
  t.ok(answers.every(({ statusCode }) => statusCode === 200))
})

t.test('an answer that throws is the business of the error handler, and of no other request', async (t) => {
  const { ask } = createNoting()
  const answers = await Promise.all([ask(), ask('?fail=broken'), ask()])
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    [200, 500, 200],
  )
  t.strictSame(answers[1]?.json(), { code: 'broken' })
})
