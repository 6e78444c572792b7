import fc from 'fast-check'
import t from 'tap'
import type { ListedDevice } from '../../src/compliance/noncompliant-list.ts'
import { parseNacReply } from '../../src/intune/nac-json.ts'
import { createNoncompliantListQuery } from '../../src/intune/noncompliant-list.ts'
import { maxPageBytes, readNoncompliantPage } from '../../src/intune/noncompliant-page.ts'
import { fetchServiceList } from '../../src/intune/service-list.ts'
import { countTurns } from '../fakes/count-turns.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { oneToken, scriptedOutbound } from '../fuzz/scripted-wire.ts'

t.setTimeout(120_000)

const macOf = (index: number) => index.toString(16).toUpperCase().padStart(12, '0')
const guidOf = (index: number) => `${index.toString(16).padStart(8, '0')}-6859-4b71-93aa-56aba42581c5`
const row = (ids: string) =>
  `<device>${ids}<Attributes><register_status>true</register_status><Compliance><status>false</status></Compliance></Attributes></device>`
const page = (rows: string) =>
  `<?xml version="1.0"?><ise_api><name>attributes</name><deviceList>${rows}</deviceList></ise_api>`
const listOf = (count: number, idsOf: (index: number) => string) =>
  page(Array.from({ length: count }, (_, index) => row(idsOf(index))).join(''))
const byMac = (index: number) => `<macaddress>${macOf(index)}</macaddress>`

/** The list that Intune gives out in these pages. */
function query(...bodies: string[]) {
  const outbound = scriptedOutbound(bodies.map((body) => ({ body })))
  return createNoncompliantListQuery({ intuneTokens: oneToken, outbound, clock: new FakeClock() })(
    'https://i.example',
  )
}

async function devicesOf(...bodies: string[]): Promise<readonly ListedDevice[]> {
  const answer = await query(...bodies)
  if (!answer.ok) throw new Error(answer.fault.message)
  return answer.value.devices
}

t.test('a page as long as one may be is read in a thousand slices, and whole', async (t) => {
  const body = listOf(200_000, byMac)
  t.ok(body.length > 0.9 * maxPageBytes && body.length <= maxPageBytes, `${body.length} bytes`)
  const reading = query(body)
  const turns = await countTurns(reading)
  t.ok(turns >= body.length / 32_768 - 1, `${turns} turns for ${body.length} bytes`)
  const answer = await reading
  const devices = answer.ok ? answer.value.devices : []
  t.equal(devices.length, 200_000)
  t.same(devices.at(-1), { macs: [macOf(199_999)] })
})

t.test('125,001 rows are as good as 124,999: no list is an argument list', async (t) => {
  t.equal((await devicesOf(listOf(125_001, byMac))).length, 125_001)
  const pages = [0, 1].map((number) =>
    listOf(10, (index) => byMac(number * 10 + index)).replace(
      '<deviceList>',
      `<paging_info>${number === 0 ? 'next' : 0}</paging_info><deviceList>`,
    ),
  )
  t.equal((await devicesOf(...pages)).length, 20)
})

t.test(
  'a device that has a row for each of 30,000 addresses is one, with as many as one can have',
  async (t) => {
    const guid = `<guid>${guidOf(1)}</guid>`
    const startedMs = performance.now()
    const devices = await devicesOf(listOf(30_000, (index) => guid + byMac(index)))
    t.equal(devices.length, 1)
    t.equal(devices[0]?.macs.length, 64)
    t.comment(`${Math.round(performance.now() - startedMs)} ms: not the square of the rows`)
  },
)

t.test('one row that is a list of its own is no list', async (t) => {
  const macs = Array.from({ length: 100_000 }, (_, index) => byMac(index)).join('')
  t.match(await query(page(row(macs))), { ok: false, fault: { code: 'intune_reply_malformed' } })
  const long = `<macaddress>${'0'.repeat(5000)}</macaddress>`
  t.match(await query(page(row(long))), { ok: false, fault: { code: 'intune_reply_malformed' } })
  const [device] = await devicesOf(
    page(row(Array.from({ length: 100 }, (_, index) => byMac(index)).join(''))),
  )
  t.equal(device?.macs.length, 32)
})

t.test('rows whose id is the empty one are not one device', async (t) => {
  const nil = '<guid>00000000-0000-0000-0000-000000000000</guid>'
  t.same(
    await devicesOf(listOf(3, (index) => nil + byMac(index))),
    [0, 1, 2].map((index) => ({ macs: [macOf(index)] })),
  )
  t.match(
    await query(page(row(nil))),
    { ok: false, fault: { code: 'intune_reply_malformed' } },
    'and no id alone',
  )
})

t.test('where the pieces of a page are cut makes no difference', async (t) => {
  const text = page(
    [
      row('<macaddress>00:50:56:a4:89:5a</macaddress>'),
      row(`<guid>${guidOf(7)}</guid><name>Zürich &amp; 日本 🖥</name>`),
    ].join('\r\n'),
  )
  const bytes = Buffer.from(text)
  const read = async (pieces: readonly Uint8Array[]) => {
    const devices: ListedDevice[] = []
    const end = await readNoncompliantPage(pieces, (device) => devices.push(device))
    return { end, devices }
  }
  const whole = await read([bytes])
  t.same(whole, {
    end: { ok: true, value: {} },
    devices: [{ macs: ['005056A4895A'] }, { deviceId: guidOf(7), macs: [] }],
  })
  t.same(await read([...bytes].map((byte) => Uint8Array.of(byte))), whole, 'byte by byte')
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 20 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
      t.strictSame(await read(pieces), whole)
    }),
    { numRuns: 50 },
  )
  const cut = await read([bytes.subarray(0, -20)])
  t.match(cut.end, { ok: false, fault: { code: 'intune_reply_malformed' } }, 'half a page is none')
})

t.test('more devices than the memory holds are no list of this tenant', async (t) => {
  const outbound = scriptedOutbound([{ body: listOf(11, byMac) }])
  const parts = { intuneTokens: oneToken, outbound, clock: new FakeClock() }
  const asked = (most: number) => createNoncompliantListQuery(parts, most)('https://i.example')
  t.match(await asked(11), {
    ok: false,
    fault: { code: 'intune_reply_malformed', message: /11 devices or more/ },
  })
  t.match(await asked(12), { ok: true })
})

t.test('a long list of services is read in slices', async (t) => {
  const rows = Array.from({ length: 50_000 }, () => '{"providerName":"Other","uri":"https://x"}').join(',')
  const reading = fetchServiceList(['ComplianceRetrievalService'], {
    graphUrl: 'https://g.example',
    allowedHosts: ['i.example'],
    graphTokens: oneToken,
    outbound: scriptedOutbound([{ body: `{"value":[${rows}]}` }]),
    clock: new FakeClock(),
  })
  const turns = await countTurns(reading)
  t.ok(turns >= 50, `${turns} turns`)
  t.match(await reading, { ok: false, fault: { code: 'discovery_endpoint_missing' } })
})

t.test('a reply about one device that is a list of thousands is no answer', async (t) => {
  const asked = { kind: 'mac', value: '005056A4895A' } as const
  const named = '"isManaged":true,"macAddress":"005056A4895A"'
  const reply = (count: number) => parseNacReply(`[${Array(count).fill(`{${named}}`).join(',')}]`, asked)
  t.match(reply(200), { ok: true })
  t.match(reply(201), { ok: false, fault: { code: 'intune_reply_malformed' } })
  const wide = (count: number) =>
    parseNacReply(
      `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')},${named}}`,
      asked,
    )
  t.match(wide(498), { ok: true })
  t.match(wide(499), { ok: false, fault: { code: 'intune_reply_malformed' } })
})
