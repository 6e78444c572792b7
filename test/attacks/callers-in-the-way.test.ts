import t from 'tap'
import { attackedService, basic, device } from './attacked-service.ts'

t.setTimeout(240_000)

/** A batch of ISE about 200 devices that nobody has asked about before. */
function batch(number: number): string {
  const values = Array.from({ length: 200 }, (_, index) => {
    const hex = (number * 200 + index).toString(16).toUpperCase().padStart(4, '0')
    return `<value>0050560B${hex}</value>`
  })
  return `<ise_api>${values.join('')}</ise_api>`
}

t.test('three batches of ISE at once leave every other client its turn', async (t) => {
  const { send, right, simulator, management } = await attackedService(t)
  await send(`/v1/decision?deviceId=${device(0).deviceId}`, right('radius'))
  simulator.tenant.setFault({ hop: 'query', kind: 'latency', latencyMs: 150 })
  const batches = [0, 1, 2].map((number) =>
    send('/ciscoise/mdmapi/v3/batchdevices/?querycriteria=macaddress', right('ise'), {
      method: 'POST',
      body: batch(number),
    }),
  )
  while (simulator.tenant.requestCounts().query < 60) await new Promise((resolve) => setTimeout(resolve, 2))
  const radius = (index: number) =>
    send('/v1/radius/authorize', right('radius'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        'User-Name': { type: 'string', value: [device(index).mac] },
        'User-Password': { type: 'string', value: [device(index).mac] },
        'Calling-Station-Id': { type: 'string', value: [device(index).mac] },
        'Service-Type': { type: 'integer', value: ['Call-Check'] },
      }),
    })
  const json = (index: number) => send(`/v1/decision?mac=${device(index).mac}`, right('scripts'))
  const single = (index: number) =>
    send(
      `/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=macaddress&value=${device(index).mac}&filter=all`,
      right('ise'),
    )
  const answers = await Promise.all(
    [1, 2, 3, 4, 5].flatMap((index) => [radius(index), json(index + 5), single(index + 10)]),
  )
  t.same(
    answers.map(({ status }) => status),
    answers.map(() => 200),
    'RADIUS, JSON, and single questions of ISE itself',
  )
  const slowest = Math.max(...answers.map(({ tookMs }) => tookMs))
  t.ok(slowest < 3000, `within the deadline: ${Math.round(slowest)} ms`)
  t.notMatch(answers.map(({ text }) => text).join(), /intune_queue_full|deadline_exceeded/)
  const statuses = (await Promise.all(batches)).map(({ status }) => status)
  t.comment(`the batches: ${statuses.join(', ')}; the slowest other answer took ${Math.round(slowest)} ms`)
  const { upstream } = JSON.parse(await management('/status'))
  t.match(upstream.services.compliance_retrieval, { breaker: 'closed' })
})

t.test('refresh=true in a loop is one question to Intune in ten seconds', async (t) => {
  const { send, right, simulator } = await attackedService(t)
  const { deviceId, mac } = device(3)
  await send(`/v1/decision?mac=${mac}`, right('scripts'))
  const before = simulator.tenant.requestCounts().query
  const spellings = [
    mac,
    mac.toLowerCase(),
    mac.match(/../g)?.join('-') ?? '',
    mac.match(/..../g)?.join('.') ?? '',
  ]
  const sources = new Map<unknown, number>()
  const untilMs = performance.now() + 2000
  let count = 0
  await Promise.all(
    Array.from({ length: 8 }, async (_, worker) => {
      while (performance.now() < untilMs) {
        count += 1
        const named = worker % 2 === 0 ? `mac=${spellings[count % 4]}` : `deviceId=${deviceId}`
        const path = worker === 7 ? `/v1/devices/mac/${mac}/recheck` : `/v1/decision?${named}&refresh=true`
        const answer = await send(
          path,
          right(worker < 4 ? 'scripts' : 'radius'),
          worker === 7 ? { method: 'POST' } : {},
        )
        const source = worker === 7 ? answer.status : answer.json.source
        sources.set(source, (sources.get(source) ?? 0) + 1)
        if (source === 'cache' && answer.headers['retry-after'] === undefined) t.fail('it is not said')
      }
    }),
  )
  const asked = simulator.tenant.requestCounts().query - before
  t.ok(count > 200, `${count} requests`)
  t.ok(asked <= 2, `${asked} questions, one by each of the two identifiers that have a record of their own`)
  t.comment([...sources].map(([source, times]) => `${source}: ${times}`).join(', '))

  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 500 })
  const failing = simulator.tenant.requestCounts().query
  for (let index = 0; index < 200; index += 1) {
    await send(`/v1/decision?mac=${device(4).mac}&refresh=true`, right('scripts'))
  }
  const tried = simulator.tenant.requestCounts().query - failing
  t.ok(tried <= 4, `${tried} questions about a device that cannot be determined`)
})

/** Guesses until told to stop: ever new passwords, over connections of its own. */
function startGuessing(
  send: Awaited<ReturnType<typeof attackedService>>['send'],
  connections: number,
  user: (count: number) => string,
) {
  let isOver = false
  let count = 0
  const statuses = new Map<number, number>()
  const done = Promise.all(
    Array.from({ length: connections }, async () => {
      while (!isOver) {
        count += 1
        const path = ['/v1/decision', '/v1/radius/authorize', '/ciscoise/mdminfo'][count % 3] ?? ''
        const { status } = await send(path, basic(user(count), `guess ${count}`))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }),
  )
  return {
    statuses,
    async stop() {
      isOver = true
      await done
    },
  }
}

const guessers: readonly [string, number, (count: number) => string][] = [
  ['of ever new names', 40, (count) => `user-${count}`],
  ['of one name that nobody has', 10, () => 'admin'],
  ['of the very client that comes', 10, (count) => ['ise', 'radius', 'scripts'][count % 3] ?? ''],
]

for (const [whose, connections, user] of guessers) {
  t.test(
    `somebody behind the same address guesses passwords ${whose}: the right ones are admitted`,
    async (t) => {
      const { send, right } = await attackedService(t)
      const guessing = startGuessing(send, connections, user)
      while ((guessing.statuses.get(429) ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
      const mac = device(2).mac
      for (const round of [1, 2]) {
        const answers = await Promise.all([
          send(`/v1/decision?mac=${mac}`, right('scripts')),
          send(`/v1/radius/authorize?mac=${mac}`, right('radius'), {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ 'Calling-Station-Id': { type: 'string', value: [mac] } }),
          }),
          send('/ciscoise/mdminfo/?ise_api_version=3', right('ise')),
        ])
        t.same(
          answers.map(({ status }) => status),
          [200, 200, 200],
        )
        const slowest = Math.round(Math.max(...answers.map(({ tookMs }) => tookMs)))
        t.ok(slowest < 4000, `round ${round}, before anybody gives up: ${slowest} ms`)
      }
      await guessing.stop()
      const statuses = [...guessing.statuses.keys()].sort()
      t.same(
        statuses.filter((status) => ![401, 403, 429].includes(status)),
        [],
        'who guesses is never told that the service cannot tell: that would open the outage VLAN',
      )
      t.comment([...guessing.statuses].map(([status, times]) => `${status}: ${times}`).join(', '))
    },
  )
}
