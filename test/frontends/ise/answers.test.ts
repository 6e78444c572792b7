import { pino } from 'pino'
import t from 'tap'
import type { Decision } from '../../../src/decision/decision.ts'
import { failure, success } from '../../../src/errors/fault.ts'
import { createAuthenticator } from '../../../src/server/authentication.ts'
import { parseClients } from '../../../src/server/clients.ts'
import { hashSecret } from '../../../src/server/secret-hash.ts'
import { createIseApp, deviceId, knownDevice, mac, undetermined, unknownDevice } from './ise-app.ts'
import { judgeXml } from './judge-xml.ts'
import { elementsAt, textAt } from './strict-xml.ts'

const v3 = '/ciscoise/mdmapi/v3/devices/?paging=0&filter=all'
const attributes = 'deviceList/device/attributes'

t.test('the answer of mdminfo is never of a newer version than ISE supports', async (t) => {
  const { inject } = createIseApp(t)
  for (const [query, version] of [
    ['', '1'],
    ['?ise_api_version=1', '1'],
    ['?ise_api_version=2', '2'],
    ['/?ise_api_version=3', '3'],
    ['/?ise_api_version=4', '3'],
    ['/?ise_api_version=123456789', '3'],
  ] as const) {
    const { root } = await inject(`/ciscoise/mdminfo${query}`)
    t.equal(textAt(root, 'api_version'), version, query)
    const { reply } = await inject(`${textAt(root, 'api_path')}/devices/0/macaddress/${mac}/all`)
    t.equal(reply.statusCode, version === '1' ? 200 : 404, 'the path style is that of version 1')
  }
  for (const wrong of ['0', '-1', 'x', '', '1.5', '3&ise_api_version=2']) {
    t.equal((await inject(`/ciscoise/mdminfo/?ise_api_version=${wrong}`)).reply.statusCode, 400, wrong)
  }
})

t.test('behind a proxy that adds a path, api_path has it and both kinds of proxy work', async (t) => {
  const { inject } = createIseApp(t, { pathPrefix: '/nac' })
  for (const path of ['/nac/ciscoise/mdminfo/?ise_api_version=3', '/ciscoise/mdminfo/?ise_api_version=3']) {
    const { root } = await inject(path)
    t.equal(textAt(root, 'api_path'), '/nac/ciscoise/mdmapi/v3', path)
  }
  const query = `devices/?paging=0&querycriteria=guid&value=${deviceId}&filter=all`
  t.equal((await inject(`/nac/ciscoise/mdmapi/v3/${query}`)).reply.statusCode, 200)
  const { app } = createIseApp(t, { pathPrefix: '/nac' })
  t.equal((await app.inject('/nacciscoise/mdminfo')).statusCode, 404, 'a prefix ends at a slash')
  t.equal((await app.inject('/nac/livez')).statusCode, 200)
  t.equal((await app.inject('/nac?x')).statusCode, 404)
})

t.test(
  'version 3 by address carries guid and lastCheckinTimeStamp, version 2 starts with macaddress',
  async (t) => {
    const { inject, requests } = createIseApp(t)
    const third = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
    t.equal(textAt(third.root, `${attributes}/guid`), deviceId)
    t.equal(textAt(third.root, `${attributes}/lastCheckinTimeStamp`), '1621571561000', 'milliseconds')
    t.equal(textAt(third.root, 'deviceList/device/guid'), deviceId)
    t.equal(
      textAt(third.root, `${attributes}/macaddresses`),
      '0026B424FEB4,005056A4895A,005056A4895B,005056A4895C,005056A4895D',
      'five at most, the one that was asked for first',
    )
    const second = await inject(
      `/ciscoise/mdmapi/v2/devices/?paging=0&querycriteria=macaddress&value=${mac}&filter=all`,
    )
    const [device] = elementsAt(second.root, 'deviceList/device')
    t.equal(device?.children[0]?.name, 'macaddress')
    t.equal(device?.children[0]?.text, mac)
    t.equal(textAt(second.root, `${attributes}/guid`), undefined)
    t.equal(textAt(second.root, `${attributes}/lastCheckinTimeStamp`), undefined)
    const byGuid = await inject(`${v3}&querycriteria=guid&value=${deviceId.toUpperCase()}`)
    t.equal(elementsAt(byGuid.root, 'deviceList/device')[0]?.children[0]?.name, 'guid')
    t.match(requests, [
      {
        frontend: 'ise',
        client: 'local',
        refresh: false,
        identity: { identifiers: [{ kind: 'mac', value: mac }] },
      },
      { identity: { identifiers: [{ kind: 'mac' }] } },
      { identity: { identifiers: [{ kind: 'deviceId', value: deviceId }] } },
    ])
  },
)

t.test('the six probes', async (t) => {
  const { inject, requests, decides } = createIseApp(t)
  for (const spelling of ['0026B424FEB4', '00:26:b4:24:fe:b4', '0026.b424.feb4']) {
    const { root } = await inject(`${v3}&querycriteria=macaddress&value=${spelling}`)
    t.equal(textAt(root, `${attributes}/register_status`), 'true', spelling)
    t.match(requests.at(-1), { identity: { identifiers: [{ value: mac }] } })
  }
  const { root } = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
  t.equal(textAt(root, `${attributes}/manufacturer`), 'AT&T <Devices>', 'escaped on the way')

  decides(unknownDevice)
  const unknown = await inject(`${v3}&querycriteria=guid&value=3eeb9e62-cec9-4dd8-9dd6-74903695a62b`)
  t.equal(unknown.reply.statusCode, 200)
  t.same(elementsAt(unknown.root, 'deviceList').length, 1, 'there is a list')
  t.same(elementsAt(unknown.root, 'deviceList/device'), [], 'and nothing in it')

  const hash = await hashSecret('correct horse')
  const clients = parseClients(
    JSON.stringify({
      clients: [
        { name: 'psn-1', frontends: ['ise'], basic: { username: 'ise', passwordHash: hash } },
        { name: 'radius-1', frontends: ['radius'], basic: { username: 'radius', passwordHash: hash } },
      ],
    }),
    'clients.yaml',
  )
  if (!clients.ok) throw new Error(clients.fault.message)
  const guarded = createIseApp(t, { authenticate: createAuthenticator({ clients: clients.value }) })
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  for (const [headers, status] of [
    [{}, 401],
    [basic('ise:wrong'), 401],
    [basic('radius:correct horse'), 403],
    [basic('ise:correct horse'), 200],
  ] as const) {
    for (const path of ['/ciscoise/mdminfo/?ise_api_version=3', '/ciscoise/nothing']) {
      const { reply } = await guarded.inject({ url: path, headers })
      t.equal(reply.statusCode, status === 200 && path.endsWith('nothing') ? 404 : status, path)
      t.equal(
        reply.headers['www-authenticate'],
        status === 401 ? 'Basic realm="intune-nac", charset="UTF-8"' : undefined,
        'one challenge, the one that ISE knows',
      )
    }
  }
  await guarded.inject({
    url: `${v3}&querycriteria=macaddress&value=${mac}`,
    headers: basic('ise:correct horse'),
  })
  t.equal(guarded.requests[0]?.client, 'psn-1')
})

t.test('each decision has one way to be said in XML', async (t) => {
  const { inject, decides } = createIseApp(t)
  const compliant: Decision = {
    ...knownDevice,
    outcome: 'allow',
    reason: 'compliant',
    complianceState: 'compliant',
  }
  const rows: readonly [Partial<Decision>, (string | undefined)[]][] = [
    [compliant, ['true', 'true', undefined, undefined]],
    [{ ...compliant, reason: 'in_grace_period' }, ['true', 'true', undefined, undefined]],
    [
      knownDevice,
      ['true', 'false', 'Intune reports the device as not compliant.', knownDevice.remediation?.message],
    ],
    [
      { ...knownDevice, outcome: 'deny', reasonText: 'BitLocker is off.' },
      ['true', 'false', 'BitLocker is off.', knownDevice.remediation?.message],
    ],
    [
      { ...compliant, outcome: 'deny' },
      [
        'true',
        'false',
        'The device is compliant in Intune, but the policy of this site does not admit it.',
        knownDevice.remediation?.message,
      ],
    ],
    [unknownDevice, [undefined, undefined, undefined, undefined]],
    [{ ...unknownDevice, outcome: 'deny' }, [undefined, undefined, undefined, undefined]],
    [{ ...unknownDevice, reason: 'randomized_mac' }, [undefined, undefined, undefined, undefined]],
    [{ ...unknownDevice, outcome: 'allow' }, ['false', 'true', undefined, undefined]],
    [{ ...undetermined, outcome: 'allow' }, ['true', 'true', undefined, undefined]],
    [
      { ...undetermined, outcome: 'deny' },
      ['true', 'false', 'The state of the device could not be determined.', undefined],
    ],
  ]
  for (const [decision, expected] of rows) {
    decides({ ...unknownDevice, ...decision } as Decision)
    for (const query of [`&querycriteria=macaddress&value=${mac}`, `&querycriteria=guid&value=${deviceId}`]) {
      const { reply, root } = await inject(v3 + query)
      t.equal(reply.statusCode, 200)
      t.equal(reply.headers['x-decision-id'], decision.decisionId)
      t.same(
        ['register_status', 'compliance/status', 'compliance/failure_reason', 'compliance/remediation'].map(
          (name) => textAt(root, `${attributes}/${name}`),
        ),
        expected,
        `${decision.outcome} ${decision.reason}`,
      )
    }
  }
})

t.test('what could not be determined is 503 with Retry-After, never an empty list', async (t) => {
  const { inject, decides } = createIseApp(t)
  for (const outcome of [
    success(undetermined),
    success({ ...undetermined, faultCode: 'certificate_expired' as const }),
    failure('internal', 'a defect'),
    failure('service_overloaded', 'too much'),
  ]) {
    decides(outcome)
    const { reply, root } = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
    t.equal(reply.statusCode, 503)
    t.equal(reply.headers['retry-after'], '1')
    t.same(
      root.children.map(({ name }) => name),
      ['name', 'error_code', 'error_message'],
    )
  }
  const { root } = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
  t.notMatch(textAt(root, 'error_message'), /too much/, 'the inside stays inside')
})

t.test('a value that Intune cannot know is an unknown device', async (t) => {
  const { inject, requests } = createIseApp(t)
  for (const query of [
    'macaddress&value=000000000000',
    'macaddress&value=10.0.0.1',
    'guid&value=000000000000',
    'guid&value=00000000-0000-0000-0000-000000000000',
    'guid&value=jamf:4711',
    'udid&value=x',
  ]) {
    const { reply, root } = await inject(`${v3}&querycriteria=${query}`)
    t.equal(reply.statusCode, 200, query)
    t.same(elementsAt(root, 'deviceList/device'), [], query)
  }
  t.same(requests, [], 'and nobody was asked')
})

t.test('a filter chooses attributes, and what it does not know changes nothing', async (t) => {
  const { inject } = createIseApp(t)
  const names = async (filter: string) => {
    const { root } = await inject(
      `/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=macaddress&value=${mac}&filter=${filter}`,
    )
    return elementsAt(root, attributes)[0]?.children.map(({ name }) => name)
  }
  t.same(await names('register_status+compliance_status'), ['register_status', 'compliance'])
  t.same(await names('compliance_status%2Bregister_status'), ['register_status', 'compliance'])
  t.same(await names('OS_version,Model,constructor'), ['model', 'os_version'])
  t.same(await names('lastCheckinTimeStamp+GUID+macaddresses'), [
    'lastCheckinTimeStamp',
    'guid',
    'macaddresses',
  ])
  for (const everything of ['all', '', 'model+all', 'period', 'toString']) {
    t.equal((await names(everything))?.length, 16, everything)
  }
})

t.test('what is not known is left out, never guessed', async (t) => {
  const { inject, decides } = createIseApp(t)
  const { details: _details, deviceId: _deviceId, macs: _macs, ...bare } = knownDevice
  decides({ ...bare, outcome: 'allow' })
  const { root } = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
  t.same(
    elementsAt(root, attributes)[0]?.children.map(({ name }) => name),
    ['register_status', 'compliance', 'macaddresses'],
  )
  const imei = await inject(`/ciscoise/mdmapi/v2/devices?querycriteria=imei&value=490154203237518`)
  t.equal(elementsAt(imei.root, 'deviceList/device')[0]?.children[0]?.name, 'attributes')
})

t.test('what the service cannot answer is refused with a reason', async (t) => {
  const { inject, decides } = createIseApp(t)
  const refused = async (query: string, code: string, message: RegExp) => {
    const { reply, root } = await inject(`/ciscoise/mdmapi/v3/devices/?${query}`)
    t.equal(reply.statusCode, 400, query)
    t.equal(textAt(root, 'error_code'), code, query)
    t.match(textAt(root, 'error_message'), message, query)
  }
  await refused('querycriteria=username&value=alice', 'identifier_not_supported', /several devices/)
  await refused('querycriteria=guidhn&value=laptop-01', 'identifier_not_supported', /host name/)
  await refused('querycriteria=colour&value=red', 'identifier_not_supported', /must be one of/)
  await refused('querycriteria=constructor&value=red', 'identifier_not_supported', /must be one of/)
  await refused('querycriteria=compliance&value=true', 'identifier_not_supported', /not compliant/)
  await refused('querycriteria=macaddress', 'request_malformed', /value is missing/)
  await refused('querycriteria=macaddress&value=a&value=b', 'request_malformed', /given twice/)
  await refused('querycriteria=compliance&value=false&paging=x', 'request_malformed', /paging/)
  await refused('querycriteria=compliance&value=false&paging=2147483648', 'request_malformed', /paging/)
  await refused(
    'querycriteria=compliance&value=false&deviceidentifier=imei',
    'request_malformed',
    /deviceidentifier/,
  )
  decides(failure('identifier_not_supported', 'the Intune API in use cannot look a device up by imei'))
  await refused('querycriteria=imei&value=490154203237518', 'identifier_not_supported', /by imei/)
})

t.test('a batch asks about each value once and answers with all devices', async (t) => {
  const { app, inject, requests, decides } = createIseApp(t)
  const post = (payload: string, query = 'querycriteria=macaddress', version = 2) =>
    inject({
      method: 'POST',
      url: `/ciscoise/mdmapi/v${version}/batchdevices/?paging=0&filter=all&${query}`,
      payload,
    })
  const two =
    '<ise_api><value>3408BC507C78</value><value>00:26:b4:24:fe:b4</value><value>3408BC507C78</value></ise_api>'
  const { reply, root } = await post(two)
  t.equal(reply.statusCode, 200)
  t.equal(elementsAt(root, 'deviceList/device').length, 2)
  t.equal(requests.length, 2)
  t.equal((await post(two, 'querycriteria=macaddress', 3)).reply.statusCode, 200)
  for (const [payload, query, status] of [
    ['', 'querycriteria=macaddress', 400],
    ['<ise_api><value>', 'querycriteria=macaddress', 400],
    ['<!DOCTYPE x [<!ENTITY a "b">]><ise_api><value>&a;</value></ise_api>', 'querycriteria=macaddress', 400],
    ['<ise_api/>', 'querycriteria=macaddress', 400],
    ['{"value":"3408BC507C78"}', 'querycriteria=macaddress', 400],
    [two, '', 400],
    [two, 'querycriteria=username', 400],
    ['<value>false</value>', 'querycriteria=compliance', 400],
    [
      `<a>${Array.from({ length: 201 }, (_, index) => `<value>${index}</value>`).join('')}</a>`,
      'querycriteria=guid',
      413,
    ],
    [`<a>${'x'.repeat(70_000)}</a>`, 'querycriteria=guid', 413],
  ] as const) {
    t.equal(
      (await post(payload, query)).reply.statusCode,
      status,
      `${status} for ${payload.slice(0, 40)} ${query}`,
    )
  }
  decides(undetermined)
  t.equal((await post(two)).reply.statusCode, 503, 'without one of them there is no answer')
  const typed = { 'content-type': 'text/xml; charset=utf-8' }
  decides(unknownDevice)
  const answered = await app.inject({
    method: 'POST',
    url: '/ciscoise/mdmapi/v2/batchdevices?querycriteria=guid',
    payload: two,
    headers: typed,
  })
  t.equal(answered.statusCode, 200, 'any content type will do')
})

t.test('actions and messages are refused politely and never carried out', async (t) => {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const { inject, requests } = createIseApp(t, { logger })
  for (const [method, url, status] of [
    ['POST', '/action/actionType=full_wipe', 'action_status'],
    ['POST', '/action/actionType=corporate_wipe', 'action_status'],
    ['POST', '/action/?actionType=pin_lock', 'action_status'],
    ['PUT', '/sendmessage', 'message_status'],
  ] as const) {
    for (const payload of [
      `<ise_api><identifier><guid>a&amp;b</guid></identifier></ise_api>`,
      '<ise_api><identifier><macaddress>0026B424FEB4</macaddress></identifier></ise_api>',
      '<ise_api><identifier><guidhn>x</guidhn></identifier></ise_api>',
      '',
    ]) {
      const { reply, root } = await inject({ method, url: `/ciscoise/mdmapi/v3${url}`, payload })
      t.equal(reply.statusCode, 200)
      t.equal(textAt(root, `deviceList/device/result/${status}`), 'false')
      t.equal(textAt(root, 'deviceList/device/guid'), payload.includes('a&amp;b') ? 'a&b' : undefined)
    }
    const { reply } = await inject({ method, url: `/ciscoise/mdmapi/v3${url}`, payload: '<wipe' })
    t.equal(reply.statusCode, 400)
  }
  t.same(requests, [], 'nobody was asked anything')
  t.equal(lines.filter((line) => line.includes('ise_request_refused')).length, 16, 'every one is in the log')
})

t.test('other methods, HEAD and other addresses are answered in XML too', async (t) => {
  const { inject, requests } = createIseApp(t)
  const device = `${v3}&querycriteria=macaddress&value=${mac}`
  for (const [method, url, status, allow] of [
    ['HEAD', '/ciscoise/mdminfo', 405, 'GET'],
    ['HEAD', device, 405, 'GET'],
    ['HEAD', `/ciscoise/mdmapi/v1/devices/0/macaddress/${mac}/all`, 405, 'GET'],
    ['POST', '/ciscoise/mdminfo', 405, 'GET'],
    ['DELETE', device, 405, 'GET'],
    ['GET', '/ciscoise/mdmapi/v3/action/actionType=full_wipe', 405, 'POST'],
    ['POST', '/ciscoise/mdmapi/v3/sendmessage', 405, 'PUT'],
    ['GET', '/ciscoise/mdmapi/v4/devices', 404, undefined],
    ['GET', '/ciscoise', 404, undefined],
  ] as const) {
    const { reply } = await inject({ method, url })
    t.equal(reply.statusCode, status, `${method} ${url}`)
    t.equal(reply.headers.allow, allow)
    if (method === 'HEAD') t.equal(reply.body, '')
  }
  t.same(requests, [], 'no decision was made')
})

t.test('a defect is 500 in XML, and in the log', async (t) => {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const { inject } = createIseApp(t, {
    logger,
    judge: () => {
      throw new Error('secret inside')
    },
    decide: () => {
      throw new Error('secret inside')
    },
  })
  const { reply } = await inject(`${v3}&querycriteria=macaddress&value=${mac}`)
  t.equal(reply.statusCode, 500)
  t.notMatch(reply.body, /secret/)
  t.match(lines.join(''), /request failed/)
})

t.test('xmllint finds every reply well-formed', async (t) => judgeXml(t))
