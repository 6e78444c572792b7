import type { Duplex } from 'node:stream'
import { type Fault, failure } from '../errors/fault.ts'
import { type Problem, presentProblem, problemMediaType } from './problem.ts'

/**
 * Answers what the HTTP parser refused, before there is a request: 431 for header fields above the limit, 408 for a
 * request that does not arrive in time, 400 for the rest. Always closes the connection. `isAnswered`: the request had
 * its answer while it still came in; a second one would be taken for the answer to the next request.
 */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  isAnswered = false,
): void {
  // Bytes behind the last request: its answer is sent or on its way, and closes the connection.
  if (error.code === 'HPE_CLOSED_CONNECTION') return
  // Somebody hung up, or has an answer: there is nobody to answer.
  if (error.code === 'ECONNRESET' || isAnswered || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = parserProblem(error.code)
  const body = JSON.stringify(problem)
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      `Content-Type: ${problemMediaType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  )
}

function parserProblem(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return presentProblem(malformed('The header fields are larger than the limit.'), 431)
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return presentProblem(malformed('The request did not arrive in time.'), 408)
    default:
      return presentProblem(malformed('The request is not well-formed HTTP.'), 400)
  }
}

function malformed(message: string): Fault {
  return failure('request_malformed', message).fault
}
