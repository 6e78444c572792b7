import type { FastifyReply } from 'fastify'

/**
 * Sends the answer of one request at the end of this turn of the event loop, together with those of the others that
 * were decided in it. For answers that need no waiting. What `answer` throws goes to the error handler of the front end.
 */
export type AnswerTogether = (reply: FastifyReply, answer: () => void) => void

/** Later ones do not wait for more: they would wait longer than a common departure saves. */
const maxAnswers = 32

interface Waiting {
  readonly reply: FastifyReply
  readonly answer: () => void
}

/**
 * Builds it for one server. A receiver that sleeps has to be woken by whoever sends to it, at the price of half a
 * `send`; sent in a row, the first answer wakes it for all of them (docs/performance.md).
 */
export function createAnswerTogether(): AnswerTogether {
  let waiting: Waiting[] = []

  function sendAll(): void {
    const answers = waiting
    waiting = []
    for (const { reply, answer } of answers) {
      try {
        answer()
      } catch (error) {
        reply.send(error)
      }
    }
  }

  return (reply, answer) => {
    waiting.push({ reply, answer })
    if (waiting.length === 1) setImmediate(sendAll)
    else if (waiting.length === maxAnswers) sendAll()
  }
}
