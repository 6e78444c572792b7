import t from 'tap'
import type { NoncompliantDevice } from '../../../src/decision/noncompliant-devices.ts'
import { createPages } from '../../../src/frontends/ise/noncompliant-pages.ts'
import { usedHeapBytes } from '../../fakes/collect-garbage.ts'
import { countTurns } from '../../fakes/count-turns.ts'
import { createIseApp, listedDevice } from './ise-app.ts'
import { judgeXml } from './judge-xml.ts'
import { elementsAt, textAt } from './strict-xml.ts'

const list = '/ciscoise/mdmapi/v3/devices/?querycriteria=compliance&value=false&filter=all'

t.test(
  'two clients poll 20,000 devices at once while the list changes: each exactly once per walk',
  async (t) => {
    const { inject, lists, requests } = createIseApp(t)
    const stable = Array.from({ length: 20_000 }, (_, index) => listedDevice(index))
    const coming = Array.from({ length: 400 }, (_, index) => listedDevice(1_000_000 + index))
    const stableIds = new Set(stable.map(({ id }) => id))
    lists(stable)
    let round = 0
    /** Every page sees another list: some devices have come, others have gone again, and every record is a new one. */
    const change = () => {
      round += 1
      const extra = coming.filter((_, index) => index % 7 !== round % 7)
      const fresh = stable.map((device, index) =>
        index % 50 === round % 50 ? { ...device, record: { ...device.record, observedAtMs: round } } : device,
      )
      lists([...fresh, ...extra])
    }
    const sizes: number[] = []
    async function walk(by: 'guid' | 'macaddress') {
      const seen: string[] = []
      let paging = '0'
      do {
        const { root } = await inject(`${list}&deviceidentifier=${by}&paging=${paging}`)
        const devices = elementsAt(root, 'deviceList/device')
        sizes.push(devices.length)
        // A slice of a page would keep the whole page alive.
        seen.push(...devices.map((device) => Buffer.from(textAt(device, 'guid') ?? '').toString()))
        paging = textAt(root, 'paging_info') ?? '0'
        change()
      } while (paging !== '0')
      return seen
    }
    for (let warm = 0; warm < 2; warm += 1) await walk('guid')
    const before = usedHeapBytes()
    const walks = await Promise.all([walk('guid'), walk('guid'), walk('macaddress')])
    const grownMiB = (usedHeapBytes() - before) / 2 ** 20
    t.comment(`3 walks of 20,000 devices over ${round} lists: heap grew by ${grownMiB.toFixed(1)} MiB`)
    t.ok(grownMiB < 15, 'memory is flat')
    for (const seen of walks) {
      t.equal(new Set(seen).size, seen.length, 'no device twice')
      t.equal(seen.filter((id) => stableIds.has(id)).length, 20_000, 'no device lost')
    }
    t.ok(Math.max(...sizes) <= 1000, 'no page is larger than query_max_size')
    t.same(requests, [], 'nobody was asked anything')
  },
)

t.test(
  'others are served while 20,000 devices are put in order, and while policy goes through them',
  async (t) => {
    let devices = Array.from({ length: 20_000 }, (_, index) => listedDevice(index))
    const pages = createPages(async () => devices, 1000)
    const first = pages({ by: 'guid', from: 0, present: (row) => row.name })
    const second = pages({ by: 'guid', from: 0, present: (row) => row.name })
    t.ok((await countTurns(first)) >= 40, 'put in order in slices')
    t.same(await second, await first)
    const none = pages({ by: 'guid', from: 0, present: () => undefined })
    t.ok((await countTurns(none)) >= 70, 'a page that policy leaves empty is a long way, too')
    t.same(await none, { rows: [], next: 0 })
    devices = devices.slice(0, 10)
    const later = await pages({ by: 'guid', from: 0, present: (row) => row.name })
    t.equal(later.rows.length, 10, 'another list is another order')
  },
)

t.test('policy is asked once about each device of a page', async (t) => {
  const judged = new Map<string, number>()
  const { inject, lists } = createIseApp(t, {
    judge: ({ id }) => {
      judged.set(id, (judged.get(id) ?? 0) + 1)
      return { reason: 'noncompliant', verdict: { outcome: 'deny', rule: 'x' } }
    },
  })
  lists(Array.from({ length: 500 }, (_, index) => listedDevice(index)))
  const { root } = await inject(list)
  t.equal(elementsAt(root, 'deviceList/device').length, 500)
  t.equal(judged.size, 500)
  t.ok(
    [...judged.values()].every((times) => times === 1),
    'so a policy that changes meanwhile cannot make a device both listed and let in',
  )
})

t.test('a list that cannot be read is an error in XML, and the next one is tried again', async (t) => {
  const { inject, lists, failsToList } = createIseApp(t)
  failsToList(true)
  t.equal((await inject(list)).reply.statusCode, 500)
  failsToList(false)
  lists([listedDevice(1)])
  t.equal(elementsAt((await inject(list)).root, 'deviceList/device').length, 1)
})

t.test('devices that policy lets in are not listed, whatever the facts say', async (t) => {
  const { inject, lists } = createIseApp(t, {
    judge: ({ macs }) => ({
      reason: 'in_grace_period',
      verdict: {
        outcome: macs[0]?.endsWith('0') ? 'allow' : 'deny',
        rule: 'grace',
        reasonText: 'BitLocker is off.',
      },
    }),
  })
  lists(Array.from({ length: 2000 }, (_, index) => listedDevice(index)))
  const { root } = await inject(list)
  const devices = elementsAt(root, 'deviceList/device')
  t.equal(devices.length, 1000, 'a page is full all the same')
  t.notOk(devices.some((device) => textAt(device, 'attributes/macaddresses')?.endsWith('0')))
  t.equal(textAt(root, 'deviceList/device/attributes/compliance/failure_reason'), 'BitLocker is off.')
  const next = await inject(`${list}&paging=${textAt(root, 'paging_info')}`)
  t.equal(elementsAt(next.root, 'deviceList/device').length, 875, 'the rest of 1875')
  t.equal(textAt(next.root, 'paging_info'), '0')
})

t.test('by address there is a row for each address, by guid one for each device', async (t) => {
  const { inject, lists } = createIseApp(t)
  const [nameless, shared] = [listedDevice(3), '00AA000000FF']
  const { deviceId: _deviceId, ...withoutId } = nameless
  lists([
    listedDevice(1, { macs: ['00AA00000001', '00AA00000002', shared] }),
    listedDevice(2, { macs: [shared] }),
    withoutId,
    listedDevice(4, { macs: [] }),
  ])
  const byMac = elementsAt((await inject(`${list}&deviceidentifier=macaddress`)).root, 'deviceList/device')
  t.same(byMac.map((device) => textAt(device, 'macaddress')).sort(), [
    '00AA00000001',
    '00AA00000002',
    '00AA00000003',
    shared,
  ])
  const byGuid = elementsAt((await inject(`${list}&deviceidentifier=guid`)).root, 'deviceList/device')
  t.equal(byGuid.length, 3, 'a device without an id cannot be named by it')
  const old = await inject(
    '/ciscoise/mdmapi/v2/devices/?querycriteria=compliance&value=false&deviceidentifier=guid',
  )
  t.equal(elementsAt(old.root, 'deviceList/device/macaddress').length, 4, 'version 2 knows addresses only')
  for (const all of [
    'v2/devices/?paging=0&filter=all',
    'v1/devices/0/all',
    'v3/devices?paging=0&filter=all',
  ]) {
    const { root } = await inject(`/ciscoise/mdmapi/${all}`)
    const count = all.startsWith('v3') ? 3 : 4
    t.equal(elementsAt(root, 'deviceList/device').length, count, `${all} lists what is not compliant`)
  }
})

t.test('rows of one position stay on one page, whatever its size', async (t) => {
  // FNV-1a of these pairs differs in the lowest bit only, which the position does not have.
  const names = collidingNames()
  const devices = names.map((name): NoncompliantDevice => listedDevice(0, { id: name, deviceId: name }))
  const pages = createPages(async () => devices, 1)
  const seen: string[] = []
  let from = 0
  do {
    const { rows, next } = await pages({ by: 'guid', from, present: (row) => row })
    seen.push(...rows.map(({ name }) => name))
    from = next
  } while (from !== 0)
  t.same(seen.sort(), names.sort())
  const none = createPages(async () => [], 10)
  t.same(await none({ by: 'guid', from: 5, present: (row) => row }), { rows: [], next: 0 })
})

function collidingNames(): string[] {
  const known = new Map<number, string>()
  for (let index = 0; ; index += 1) {
    const name = `n${index}`
    let hash = 0x811c9dc5
    for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
    const position = hash >>> 1
    const other = known.get(position)
    if (other !== undefined) return [other, name, 'n-1', 'n-2']
    known.set(position, name)
  }
}

t.test('xmllint finds every reply well-formed', async (t) => judgeXml(t))
