import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createIseApp, deviceId, knownDevice, listedDevice, mac } from './ise-app.ts'
import { judgeXml } from './judge-xml.ts'
import { elementsAt, type StrictElement, textAt } from './strict-xml.ts'

type Shape = string | { readonly [name: string]: Shape }

interface Description {
  readonly definitions: Readonly<Record<string, Shape>>
  readonly information: readonly (readonly [string, string, string])[]
  readonly attributes: readonly (readonly [string, string])[]
}

const { versions } = JSON.parse(
  readFileSync(new URL('./contract/cisco-mdm-api.json', import.meta.url), 'utf8'),
) as { versions: Readonly<Record<'2' | '3', Description>> }

/** Version 1 is described together with version 2. */
const described = { 1: versions['2'], 2: versions['2'], 3: versions['3'] } as const

/** The table of attributes calls some by another name than the schema does. */
const elementNames: Readonly<Record<string, string>> = {
  'Compliance Status': 'compliance',
  Model: 'model',
  IMEI: 'imei',
  MEID: 'meid',
  UDID: 'udid',
  'Serial Number': 'serial_number',
  OS_version: 'os_version',
  'Phone Number': 'phone_number',
  GUID: 'guid',
  'MAC addresses': 'macaddresses',
}
/** "Time period in days": a filter of Cisco's table that is no attribute of a device, so there is no element for it. */
const notAnElement = 'period'

/** The order of the table, which has everything that the schema has; the schema says what `compliance` has inside. */
function attributesOf(version: 1 | 2 | 3): Readonly<Record<string, Shape>> {
  const { attributes, definitions } = described[version]
  const schema = shapeAt(definitions['mdm-device-attributes-response'], 'deviceList/device/attributes')
  return Object.fromEntries(
    attributes
      .filter(([label]) => label !== notAnElement)
      .map(([label, type]) => {
        const name = elementNames[label] ?? label
        return [name, (schema as Record<string, Shape>)[name] ?? type]
      }),
  )
}

function shapeAt(shape: Shape | undefined, path: string): Shape {
  return path
    .split('/')
    .reduce<Shape>((inner, name) => (inner as Record<string, Shape>)[name] ?? '', shape ?? '')
}

const patterns: Readonly<Record<string, RegExp>> = {
  boolean: /^(true|false)$/,
  integer: /^(0|[1-9][0-9]{0,9})$/,
  string: /./s,
}

/** Every element is described, stands in the described order and is of the described type. */
function expectShape(t: Test, element: StrictElement, shape: Shape, path: string): void {
  if (typeof shape === 'string') {
    t.match(element.text, patterns[shape] ?? /^$/, `${path} is of type ${shape}`)
    t.same(element.children, [], `${path} has only text`)
    return
  }
  const order = Object.keys(shape)
  const found = element.children.map(({ name }) => name)
  t.same(
    found.filter((name) => !order.includes(name)),
    [],
    `${path}: everything in it is described`,
  )
  const positions = found.map((name) => order.indexOf(name))
  t.same(
    positions,
    positions.toSorted((a, b) => a - b),
    `${path}: ${found} is in the order ${order}`,
  )
  for (const child of element.children) {
    const inner = shape[child.name]
    if (inner !== undefined) expectShape(t, child, inner, `${path}/${child.name}`)
  }
}

/** The reply to a device query; a query by address may name the device by its address in version 3 as well. */
function replyShape(version: 1 | 2 | 3): Shape {
  const shape = described[version].definitions['mdm-device-attributes-response'] as Record<string, Shape>
  const attributes = attributesOf(version)
  const device =
    version === 3
      ? { macaddress: 'string', guid: 'string', attributes }
      : { macaddress: 'string', attributes }
  return { ...shape, deviceList: { device } }
}

for (const version of [1, 2, 3] as const) {
  t.test(`mdminfo of version ${version} has every element that Cisco describes`, async (t) => {
    const { inject } = createIseApp(t)
    const query = version === 1 ? '' : `/?ise_api_version=${version}`
    const { reply, root } = await inject(`/ciscoise/mdminfo${query}`)
    t.equal(reply.statusCode, 200)
    const { information, definitions } = described[version]
    expectShape(t, root, definitions['mdm-server-info'] ?? '', 'mdminfo')
    t.same(
      root.children.map(({ name }) => name),
      information.map(([name]) => name),
      'the order of the table, the mandatory ones and the others',
    )
    t.equal(textAt(root, 'name'), 'mdminfo')
    t.equal(textAt(root, 'api_version'), String(version))
    t.match(textAt(root, 'api_path'), /^\/[^?]*[^/]$/, 'absolute from the root of the host')
  })

  t.test(`the devices of version ${version} have every element that Cisco describes`, async (t) => {
    const { inject, lists } = createIseApp(t)
    lists([listedDevice(1, { record: { ...listedDevice(1).record, details: knownDevice.details ?? {} } })])
    const path = `/ciscoise/mdmapi/v${version}`
    const queries =
      version === 1
        ? [`/devices/0/macaddress/${mac}/all`, '/devices/0/compliance/false/all']
        : [
            `/devices/?paging=0&querycriteria=macaddress&value=${mac}&filter=all`,
            '/devices/?paging=0&querycriteria=udid&value=00008020-0015784C218A402E&filter=all',
            '/devices/?paging=0&querycriteria=imei&value=490154203237518&filter=all',
            '/devices/?paging=0&querycriteria=meid&value=A10000009296F2&filter=all',
            '/devices/?paging=0&querycriteria=compliance&value=false&filter=all',
          ]
    if (version === 3) {
      queries.push(
        `/devices/?paging=0&querycriteria=guid&value=${deviceId}&filter=all`,
        '/devices/?paging=0&querycriteria=compliance&value=false&deviceidentifier=guid&filter=all',
        '/devices/?paging=0&querycriteria=compliance&value=false&deviceidentifier=macaddress&filter=all',
      )
    }
    for (const query of queries) {
      const { reply, root } = await inject(`${path}${query}`)
      t.equal(reply.statusCode, 200, query)
      expectShape(t, root, replyShape(version), query)
      const [attributes] = elementsAt(root, 'deviceList/device/attributes')
      const listed = query.includes('compliance')
      const expected = Object.keys(attributesOf(version))
      t.same(
        attributes?.children.map(({ name }) => name),
        expected,
        `${query}: nothing that is known is missing`,
      )
      t.equal(textAt(root, 'name'), 'attributes')
      t.equal(textAt(root, 'api_version'), String(version))
      t.equal(textAt(root, 'paging_info'), '0')
      t.equal(textAt(root, 'deviceList/device/attributes/compliance/status'), 'false')
      if (!listed) t.equal(textAt(root, 'deviceList/device/attributes/disk_encryption_on'), 'true')
    }
  })

  t.test(`an action and a message of version ${version} are answered in Cisco's shape`, async (t) => {
    const { inject } = createIseApp(t)
    const { definitions } = described[version]
    const identifier = version === 3 ? `<guid>${deviceId}</guid>` : `<macaddress>${mac}</macaddress>`
    const action = await inject({
      method: 'POST',
      url: `/ciscoise/mdmapi/v${version}/action/actionType=full_wipe`,
      payload: `<ise_api><identifier>${identifier}</identifier></ise_api>`,
      headers: { 'content-type': 'application/xml' },
    })
    const message = await inject({
      method: 'PUT',
      url: `/ciscoise/mdmapi/v${version}/sendmessage`,
      payload: `<ise_api><identifier>${identifier}</identifier><message><message_type>Alert</message_type></message></ise_api>`,
      headers: { 'content-type': 'application/xml' },
    })
    const shapes =
      version === 3
        ? [definitions['mdm-action-response'], definitions['mdm-messaging-response']]
        : [definitions['mdm-action'], definitions['mdm-messaging']]
    for (const [index, { reply, root }] of [action, message].entries()) {
      t.equal(reply.statusCode, 200)
      expectShape(t, root, shapes[index] ?? '', index === 0 ? 'action' : 'sendmessage')
    }
    t.equal(textAt(action.root, 'deviceList/device/result/action_status'), 'false', 'never carried out')
    t.equal(textAt(message.root, 'deviceList/device/result/message_status'), 'false', 'never sent')
    t.match(textAt(action.root, 'deviceList/device/result/failure_reason'), /Not supported/)
  })
}

t.test('xmllint finds every reply well-formed', async (t) => judgeXml(t))
