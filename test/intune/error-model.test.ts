import t from 'tap'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import { describeTokenReply } from '../../src/intune/entra-fault.ts'
import { describeIntuneReply, parseFrontEndError } from '../../src/intune/intune-fault.ts'
import type { HttpReply } from '../../src/intune/outbound.ts'

const nowMs = Date.UTC(2026, 10, 23, 8)

function reply(status: number, body = '', headers: Record<string, string> = {}): HttpReply {
  return { status, body, headers, contentType: '' }
}

t.test('every HTTP status of a query has a code, and the right say on asking again', async (t) => {
  const table: [number, FaultCode, boolean][] = [
    [400, 'intune_rejected', false],
    [401, 'intune_unauthorized', false],
    [403, 'intune_forbidden', false],
    [404, 'intune_endpoint_gone', true],
    [405, 'intune_rejected', false],
    [406, 'intune_rejected', false],
    [408, 'intune_unavailable', true],
    [410, 'intune_endpoint_gone', true],
    [429, 'intune_throttled', true],
    [500, 'intune_unavailable', true],
    [502, 'intune_unavailable', true],
    [503, 'intune_unavailable', true],
    [504, 'intune_unavailable', true],
    [204, 'intune_reply_malformed', true],
  ]
  for (const [status, code, retryable] of table) {
    const fault = describeIntuneReply(reply(status), 'fef.example', 'sent-id', nowMs)
    t.match(fault, { code, status, hop: 'query', host: 'fef.example', requestId: 'sent-id' }, `${status}`)
    t.equal(faultCatalogue[code].retryable, retryable, `${status}: whether asking again can help`)
  }
  t.ok(
    Object.values(faultCatalogue).every(({ remedy, meaning }) => remedy.length > 20 && meaning.length > 10),
    'every code has a meaning and a remedy',
  )
})

t.test('Retry-After is read as seconds and as a date, from the header before the body', async (t) => {
  const describe = (headers: Record<string, string>, body = '') =>
    describeIntuneReply(reply(429, body, headers), 'fef.example', 'sent', nowMs).retryAfterMs
  const nested = JSON.stringify({ Message: JSON.stringify({ Message: '', RetryAfter: '11' }) })
  t.equal(describe({ 'retry-after': '7' }), 7000)
  t.equal(describe({ 'retry-after': new Date(nowMs + 30_000).toUTCString() }), 30_000)
  t.equal(describe({}, nested), 11_000, 'nested in the body')
  t.equal(describe({ 'retry-after': '7' }, nested), 7000, 'the header counts first')
  t.equal(describe({ 'retry-after': '99999' }), 3_600_000, 'at most an hour')
  t.equal(describe({ 'retry-after': 'soon' }), undefined)
  t.equal(describe({}), undefined, '429 without any')
  const unavailable = describeIntuneReply(reply(503, nested), 'fef.example', 'sent', nowMs)
  t.equal(unavailable.retryAfterMs, undefined, 'of a server error only the header is about the service')
})

t.test('the activity id is found in the nested error, by itself or wrapped by Graph', async (t) => {
  const activityId = '4031429a-0000-4000-8000-000000000000'
  const message = `An error has occurred - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: ${activityId} - Url: https://fef.example/x`
  const inner = JSON.stringify(
    { _version: 3, Message: message, RetryAfter: null, HttpHeaders: '{}' },
    null,
    2,
  )
  t.same(parseFrontEndError(JSON.stringify({ ErrorCode: 'Forbidden', Message: inner })), { activityId })
  t.same(parseFrontEndError(JSON.stringify({ error: { code: 'Forbidden', message: inner } })), { activityId })
  const throttled = JSON.stringify({ Message: message, RetryAfter: '00:00:30' })
  t.match(parseFrontEndError(JSON.stringify({ Message: throttled })), { activityId })
  for (const body of ['', '<html>', 'null', '[]', '{"Message":7}', '{"Message":"text"}', '{"error":{}}']) {
    t.same(parseFrontEndError(body), {}, body)
  }
  const evil = JSON.stringify({ Message: `Activity ID: ${'x'.repeat(500)} - Url` })
  t.same(parseFrontEndError(JSON.stringify({ Message: evil })), {}, 'an id that is none')
})

t.test(
  'every AADSTS number that an operator meets has a code, and nothing of its text gets out',
  async (t) => {
    const table: [number, number, string, FaultCode][] = [
      [700027, 401, 'invalid_client', 'entra_certificate_not_registered'],
      [700024, 401, 'invalid_client', 'entra_clock_skew'],
      [700021, 401, 'invalid_client', 'entra_assertion_rejected'],
      [700023, 401, 'invalid_client', 'entra_assertion_rejected'],
      [50013, 400, 'invalid_grant', 'entra_assertion_rejected'],
      [50027, 400, 'invalid_request', 'entra_assertion_rejected'],
      [700016, 400, 'unauthorized_client', 'entra_app_not_found'],
      [7000229, 401, 'invalid_client', 'entra_service_principal_missing'],
      [7000217, 401, 'invalid_client', 'entra_service_principal_missing'],
      [7000112, 400, 'unauthorized_client', 'entra_app_disabled'],
      [7000215, 401, 'invalid_client', 'entra_credential_missing'],
      [7000222, 401, 'invalid_client', 'entra_credential_missing'],
      [7000216, 401, 'invalid_client', 'entra_credential_missing'],
      [7000218, 401, 'invalid_client', 'entra_credential_missing'],
      [90002, 400, 'invalid_request', 'entra_tenant_not_found'],
      [900023, 400, 'invalid_request', 'entra_tenant_not_found'],
      [500011, 400, 'invalid_resource', 'entra_resource_not_found'],
      [70011, 400, 'invalid_scope', 'entra_scope_invalid'],
      [1002012, 400, 'invalid_scope', 'entra_scope_invalid'],
      [90038, 400, 'invalid_request', 'entra_wrong_cloud'],
      [900382, 400, 'invalid_request', 'entra_wrong_cloud'],
      [90033, 503, 'temporarily_unavailable', 'entra_unavailable'],
      [90055, 429, 'temporarily_unavailable', 'entra_throttled'],
      [53003, 400, 'access_denied', 'entra_blocked_by_policy'],
      [123456, 400, 'invalid_grant', 'entra_rejected'],
    ]
    for (const [aadsts, status, error, code] of table) {
      const body = JSON.stringify({
        error,
        error_description: `AADSTS${aadsts}: SECRET text\r\nTrace ID: x`,
        error_codes: [aadsts],
        trace_id: 'f1e2d3c4-0000-4000-8000-000000000000',
      })
      const fault = describeTokenReply(reply(status, body), 'login.example', nowMs)
      t.match(fault, { code, status, requestId: 'f1e2d3c4-0000-4000-8000-000000000000' }, `${aadsts}`)
      t.match(fault.message, `AADSTS${aadsts}`, 'the number is named')
      t.notMatch(JSON.stringify(fault), /SECRET/)
    }
    const unread: [number, string, FaultCode][] = [
      [400, '{"error":"invalid_client"}', 'entra_rejected'],
      [400, '<html>', 'entra_reply_malformed'],
      [429, '', 'entra_throttled'],
      [503, '<html>', 'entra_unavailable'],
      [200, '{}', 'entra_reply_malformed'],
    ]
    for (const [status, body, code] of unread) {
      t.equal(describeTokenReply(reply(status, body), 'login.example', nowMs).code, code, `${status} ${body}`)
    }
  },
)
