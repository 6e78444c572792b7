import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import { laptop, simulatedService } from './simulated-service.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const otherId = 'ffffffffffffffffffffffffffffffff'
const parent = (id: string, flags = '01') => `00-${id}-00f067aa0ba902b7-${flags}`

/** The simulated Microsoft, and every traceparent (or nothing) that a request to it carried. */
async function observed(t: Test) {
  let aheadMs = 0
  const clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
  }
  const service = await simulatedService(t, { overrides: { clock } })
  const received: { readonly path: string; readonly traceparent: string | undefined }[] = []
  const onRequest = (message: unknown) => {
    const { url = '', headers } = (message as { request: IncomingMessage }).request
    received.push({ path: url.split('?')[0] ?? '', traceparent: headers.traceparent as string | undefined })
  }
  subscribe('http.server.request.start', onRequest)
  t.teardown(() => unsubscribe('http.server.request.start', onRequest))
  const { app } = service
  if (!app) throw new Error('the service was not built')
  const ask = async (traceparent: string | undefined, url = `/v1/decision?mac=${laptop.mac}`) =>
    app.server.inject({ url, headers: { ...(traceparent !== undefined && { traceparent }) } })
  const lines = (event?: string) =>
    service
      .log()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => event === undefined || line.event === event)
  return {
    ...service,
    app,
    received,
    ask,
    lines,
    passTime: (ms: number) => {
      aheadMs += ms
    },
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('a look-up carries the trace of the request that caused it to each of the hosts', async (t) => {
  const { ask, received, lines, app } = await observed(t)
  const reply = await ask(parent(traceId))
  const { decisionId } = reply.json() as { decisionId: string }
  t.equal(received.length, 6, 'two tokens with what MSAL reads first, discovery, query')
  for (const { path, traceparent } of received) {
    t.match(traceparent, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`), path)
  }
  const spans = new Set(received.map(({ traceparent }) => traceparent))
  t.equal(spans.size, received.length, 'each a span of its own')
  t.notOk(spans.has(parent(traceId)), 'and none the span of the caller')

  t.match(lines('decision'), [{ decisionId, traceId }], 'the decision line')
  const trace = await app.server.inject(`/v1/decisions/${decisionId}`)
  t.match(trace.json(), { decisionId, traceId }, 'the story')

  received.length = 0
  t.match((await ask(parent(otherId))).json(), { source: 'cache' })
  t.equal(received.length, 0)
  t.match(lines('decision')[1], { cache: 'hit', traceId: otherId }, 'an answer from memory has its own')
})

t.test('no trace is made up, and an invalid one is none', async (t) => {
  const { ask, received, lines, app } = await observed(t)
  await ask(undefined)
  await ask(`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`)
  t.equal(received.length, 6)
  t.same(new Set(received.map(({ traceparent }) => traceparent)), new Set([undefined]))
  for (const line of lines()) t.notOk('traceId' in line, String(line.msg))
  const { decisionId } = lines('decision')[0] as { decisionId: string }
  t.match((await app.server.inject(`/v1/decisions/${decisionId}`)).json(), { traceId: null })
})

t.test('who waits along does not change the trace of the question', async (t) => {
  const { ask, received, lines } = await observed(t)
  await Promise.all([ask(parent(traceId)), ask(parent(otherId, '00')), ask(undefined)])
  t.equal(received.length, 6)
  for (const { traceparent } of received) t.match(traceparent, new RegExp(`^00-${traceId}-.{16}-01$`))
  t.same(
    lines('decision').map(({ cache, traceId }) => [cache, traceId]),
    [
      ['asked', traceId],
      ['coalesced', otherId],
      ['coalesced', undefined],
    ],
  )
})

t.test('what is refreshed behind an answer belongs to no trace', async (t) => {
  const { ask, received, lines, passTime, app } = await observed(t)
  await ask(parent(traceId))
  received.length = 0
  passTime(700_000)
  await ask(parent(otherId))
  t.match(lines('decision')[1], { cache: 'hit_refreshing', traceId: otherId })
  const observedAtMs = () =>
    app.compliance.cache.remembered({ kind: 'mac', value: laptop.mac })?.observedAtMs ?? 0
  await until(() => observedAtMs() > Date.now() + 600_000)
  t.match(received, [{ path: /devices/, traceparent: undefined }])

  received.length = 0
  // The tokens are due (they live an hour) but good: they are renewed behind the question.
  passTime(2_700_000)
  await ask(parent(traceId))
  await until(() => received.length >= 3)
  const query = received.find(isQuery)
  const others = received.filter((request) => request !== query)
  t.match(others, [{ path: /openid-configuration/ }, { path: /token/ }])
  for (const { path, traceparent } of others) t.equal(traceparent, undefined, path)
  t.match(query, { traceparent: new RegExp(traceId) }, 'the question')
})

t.test('what a look-up logs, and why a caller was refused, can be found by the trace', async (t) => {
  const { ask, simulator, lines, app } = await observed(t)
  await ask(undefined)
  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  await ask(parent(traceId), `/v1/decision?mac=${laptop.mac}&refresh=true`)
  t.match(
    lines().filter(({ msg }) => msg === 'intune look-up failed'),
    [{ code: 'intune_unavailable', traceId }],
  )
  for (const [url, event] of [
    ['/v1/radius/authorize', 'radius_request_refused'],
    ['/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=guid&value=none&filter=all', 'ise_value_unknown'],
  ] as const) {
    await ask(parent(otherId), url)
    t.match(lines(event), [{ traceId: otherId }], event)
  }
  await app.server.inject({
    url: '/v1/decision',
    headers: { traceparent: parent(otherId) },
    remoteAddress: '192.0.2.1',
  })
  t.match(
    lines().filter(({ msg }) => msg === 'caller refused'),
    [{ traceId: otherId }],
  )
})

t.test('where OpenTelemetry is in the process, the field is left to it', async (t) => {
  const { ask, received } = await observed(t)
  const api = Symbol.for('opentelemetry.js.api.1')
  Reflect.set(globalThis, api, {})
  t.teardown(() => Reflect.deleteProperty(globalThis, api))
  await ask(parent(traceId))
  t.equal(received.length, 6)
  t.same(new Set(received.map(({ traceparent }) => traceparent)), new Set([undefined]))
})

function isQuery({ path }: { readonly path: string }): boolean {
  return /devices/.test(path)
}
