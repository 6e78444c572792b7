import t, { type Test } from 'tap'
import { FakeClock } from '../fakes/fake-clock.ts'
import { laptop, simulatedService } from './simulated-service.ts'

const broken = '005056A48901'
const stranger = '005056A48999'

/** A service that has made a decision about each of three devices, a minute apart, through two NAS. */
async function start(t: Test) {
  const clock = new FakeClock(Date.now())
  const { app, simulator } = await simulatedService(t, { overrides: { clock } })
  if (!app) throw new Error('the service was not built')
  simulator.tenant.putDevice({
    deviceId: '11111111-3f1c-4a53-9a59-5f4d2f1f7e11',
    macs: [broken],
    complianceState: 'noncompliant',
  })
  await app.listen()
  const radius = (mac: string, nas: Record<string, string>) =>
    app.server.inject({
      method: 'POST',
      url: '/v1/radius/authorize',
      remoteAddress: '127.0.0.1',
      body: Object.fromEntries(
        Object.entries({
          'Calling-Station-Id': mac,
          'User-Name': mac,
          'Service-Type': 'Call-Check',
          ...nas,
        }).map(([name, value]) => [name, { type: 'string', value: [value] }]),
      ),
    })
  await radius(laptop.mac, { 'NAS-IP-Address': '10.0.0.1', 'NAS-Identifier': 'Switch-1' })
  await clock.advance(60_000)
  await radius(broken, { 'NAS-IP-Address': '10.0.0.2' })
  await clock.advance(60_000)
  await app.server.inject({ url: '/v1/decision', query: { mac: stranger }, remoteAddress: '127.0.0.1' })
  const get = (path: string) => app.management.inject({ url: path, remoteAddress: '127.0.0.1' })
  const devices = async (query: string) => {
    const reply = await get(`/decisions?${query}`)
    if (reply.statusCode !== 200) return `${reply.statusCode} ${reply.json().field}: ${reply.json().detail}`
    const { decisions } = reply.json() as { decisions: { identifiers: { value: string }[] }[] }
    return decisions.map(({ identifiers }) => identifiers[0]?.value)
  }
  return { clock, get, devices }
}

/** [query, the devices of the decisions that are found, newest first] */
const filters: readonly [query: string, found: readonly string[]][] = [
  ['', [stranger, broken, laptop.mac]],
  ['decision=allow', [laptop.mac]],
  ['decision=deny', []],
  ['decision=remediate&decision=allow', [stranger, broken, laptop.mac]],
  ['reason=noncompliant', [broken]],
  ['reason=not_enrolled&decision=allow', []],
  ['device=00:50:56:a4:89:01', [broken]],
  ['device=00:50:56:a4:89:01&decision=allow', []],
  ['nas=10.0.0.2', [broken]],
  ['nas=switch-1', [laptop.mac]],
  ['nas=switch-1&nas=10.0.0.2', [broken, laptop.mac]],
  ['nas=10.0.0', []],
  ['client=local', [stranger, broken, laptop.mac]],
  ['client=nobody', []],
  ['since=90s', [stranger, broken]],
  ['until=30s', [broken, laptop.mac]],
  ['since=90s&until=30s', [broken]],
  ['limit=1', [stranger]],
  ['decision=remediate&limit=1', [stranger]],
]

t.test('decisions are found by what was decided, why, where, for whom and when', async (t) => {
  const { devices, clock } = await start(t)
  for (const [query, found] of filters) t.same(await devices(query), found, query)
  const at = new Date(clock.nowMs() - 90_000).toISOString()
  t.same(await devices(`since=${at}`), [stranger, broken], 'since a time')
})

t.test('a parameter that an address does not take is 400, with the nearest that it does', async (t) => {
  const { devices, get } = await start(t)
  t.match(
    await devices('desicion=deny'),
    '400 desicion: "desicion" is not a known query parameter; did you mean decision?',
  )
  t.match(
    await devices('decision=alow'),
    /400 decision: decision must be one of allow.*did you mean allow\?$/,
  )
  t.match(await devices('since=yesterday'), /400 since: since must be a time/)
  t.match(await devices('device=a&device=b'), /400 device/)
  t.match(await devices('limit=1001'), /400 limit: limit must be from 1 to 1000/)
  for (const path of ['/status', '/metrics', '/livez', '/readyz', '/decisions/x', '/devices'])
    t.equal((await get(`${path}?verbose=1`)).statusCode, 400, path)
  t.equal((await get('/devices?state=complaint')).json().detail.endsWith('did you mean compliant?'), true)
})

t.test('remembered devices are listed by state, page by page', async (t) => {
  const { get, clock } = await start(t)
  const list = async (query: string) => (await get(`/devices?${query}`)).json()
  const all = await list('')
  t.equal(all.next, null)
  t.same(
    all.devices.map(({ device }: { device: string }) => device).sort(),
    [broken, laptop.mac, stranger].sort(),
  )
  await clock.advance(5000)
  const { devices, next } = await list('state=noncompliant')
  t.equal(next, null)
  t.match(devices, [
    { kind: 'mac', device: broken, state: 'noncompliant', ageSeconds: 65, freshForSeconds: 0, held: null },
  ])
  t.match(await list('state=not_enrolled&state=compliant'), { devices: { length: 2 } })
  const first = await list('limit=2')
  const second = await list(`limit=2&after=${first.next}`)
  t.equal(second.next, null)
  t.same(
    [...first.devices, ...second.devices].map(({ device }: { device: string }) => device),
    all.devices.map(({ device }: { device: string }) => device),
    'two pages are the whole',
  )
})
