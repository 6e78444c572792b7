import t from 'tap'
import {
  findRequestId,
  findRetryAfter,
  isRequestId,
  parseRetryAfter,
} from '../../src/intune/reply-headers.ts'

const nowMs = Date.UTC(2026, 10, 23, 8, 0, 0)

t.test('Retry-After is read as seconds or as an HTTP date, within limits', async (t) => {
  const cases: [string | undefined, number | undefined][] = [
    ['120', 120_000],
    [' 0 ', 0],
    ['Mon, 23 Nov 2026 08:00:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 07:00:00 GMT', 0],
    ['Tue, 24 Nov 2026 08:00:00 GMT', 3_600_000],
    ['9999999999', 3_600_000],
    ['99999999999', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026-11-23T08:00:30Z', undefined],
    ['Mon, 99 Nov 2026 08:00:30 GMT', undefined],
    ['', undefined],
    [undefined, undefined],
  ]
  for (const [text, expected] of cases) t.equal(parseRetryAfter(text, nowMs), expected, `${text}`)
})

t.test('a date is taken by the clock of the peer, whatever the clock of this machine says', async (t) => {
  const date = 'Mon, 23 Nov 2026 08:00:00 GMT'
  const headers = { date, 'retry-after': 'Mon, 23 Nov 2026 08:00:30 GMT' }
  for (const offMs of [0, -26 * 3_600_000, 9 * 3_600_000]) {
    t.equal(findRetryAfter(headers, nowMs + offMs), 30_000)
    t.equal(findRetryAfter({ date, 'retry-after': '7' }, nowMs + offMs), 7000)
  }
  t.equal(findRetryAfter({ date: 'yesterday', 'retry-after': headers['retry-after'] }, nowMs), 30_000)
  t.equal(findRetryAfter({ date, 'retry-after': 'Mon, 23 Nov 2099 08:00:30 GMT' }, nowMs), 3_600_000)
  t.equal(findRetryAfter({ date }, nowMs, '11'), 11_000, 'what stands in for the header field')
  t.equal(findRetryAfter({ date }, nowMs), undefined)
})

t.test('a request id is taken from the first header that holds a safe one', async (t) => {
  t.equal(findRequestId({ 'client-request-id': 'c', 'x-ms-request-id': 'b', 'request-id': 'a' }), 'a')
  t.equal(findRequestId({ 'request-id': 'a\nlevel=fatal', 'client-request-id': 'c' }), 'c')
  t.equal(findRequestId({}), undefined)
  t.notOk(isRequestId('x'.repeat(81)), 'too long')
  t.notOk(isRequestId(7), 'no text')
})
