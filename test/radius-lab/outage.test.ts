import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { playRadclient, vlanOf } from '../../src/cli/lab-peers.ts'
import { enrol, ids, lab, macs, peersMissing, sanForms } from './lab.ts'

t.test(
  'while Intune is down the last known answer counts, and strangers are an outage',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    enrol(stage)
    const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.noncompliant))
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10')
    t.equal(vlanOf(await stage.eapTls({ certificate, mac: macs.noncompliant })), '20')
    stage.simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 503 })
    await sleep(1200)
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10', 'known compliant, by MAB')
    t.equal(
      vlanOf(await stage.eapTls({ certificate, mac: macs.noncompliant })),
      '20',
      'known noncompliant, by EAP-TLS',
    )
    t.match(stage.serviceLog(), /"source":"last_known".*"stale":true/)
    const unknown = await stage.mab({ mac: macs.unknown })
    t.equal(unknown.code, 'accept')
    t.same(
      unknown.attributes.get('Tunnel-Private-Group-Id'),
      ['999'],
      'never seen: the critical VLAN of the site',
    )
    t.same(unknown.attributes.get('Session-Timeout'), ['120'], 'for a short time')
    const stranger = await stage.issueCertificate('laptop', sanForms.intuneDeviceId(ids.unknown))
    t.equal(vlanOf(await stage.eapTls({ certificate: stranger, mac: macs.unknown })), '999', 'by EAP-TLS')
  },
)

t.test(
  'while the service is down the site file decides, and recovery is quick',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    enrol(stage)
    const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.noncompliant))
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10')
    await stage.stopService()
    const mab = await stage.mab({ mac: macs.compliant })
    t.equal(mab.code, 'accept')
    t.match(Object.fromEntries(mab.attributes), {
      'Tunnel-Type': ['VLAN'],
      'Tunnel-Medium-Type': ['IEEE-802'],
      'Tunnel-Private-Group-Id': ['999'],
      'Session-Timeout': ['120'],
      'Termination-Action': ['RADIUS-Request'],
    })
    t.equal(vlanOf(await stage.eapTls({ certificate, mac: macs.noncompliant })), '999')
    const accounting = await playRadclient(stage.radius, 'acct', [
      'Acct-Status-Type = Start',
      'Acct-Session-Id = "1"',
      `Calling-Station-Id = "${macs.compliant}"`,
    ])
    t.equal(accounting.code, 'accounting', 'accounting is acknowledged, or the NAS would repeat it for ever')
    await stage.startService()
    await sleep(1200)
    t.equal(vlanOf(await stage.mab({ mac: macs.compliant })), '10', 'back')
    t.equal(vlanOf(await stage.eapTls({ certificate, mac: macs.noncompliant })), '20')
  },
)

t.test('wrong credentials let nobody in, and the RADIUS log says why', { skip: peersMissing }, async (t) => {
  const stage = await lab(t, {
    freeradius: { adapt: (_file, text) => text.replaceAll(/password = ".*"/g, 'password = "wrong"') },
  })
  enrol(stage)
  t.equal((await stage.mab({ mac: macs.compliant })).code, 'reject')
  const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.compliant))
  t.equal((await stage.eapTls({ certificate, mac: macs.compliant })).code, 'reject')
  t.match(stage.radius.log(), /ERROR: .*unauthenticated/, 'FreeRADIUS quotes the answer')
  t.match(stage.serviceLog(), /"code":"unauthenticated".*caller refused/)
  t.notMatch(stage.serviceLog(), /"event":"decision"/)
})

t.test('an address that is wrong lets nobody in', { skip: peersMissing }, async (t) => {
  const stage = await lab(t, {
    freeradius: { adapt: (_file, text) => text.replaceAll('/v1/radius/', '/v2/radius/') },
  })
  enrol(stage)
  t.equal((await stage.mab({ mac: macs.compliant })).code, 'reject', 'not a fall through')
  const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.compliant))
  t.equal((await stage.eapTls({ certificate, mac: macs.compliant })).code, 'reject')
})

t.test('a web server that is not the service', { skip: peersMissing }, async (t) => {
  const html: RequestListener = (_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Please log in to the proxy</h1>')
  const respond = (status: number, body: string, type = 'application/json'): RequestListener => {
    return (_request, response) => response.writeHead(status, { 'content-type': type }).end(body)
  }
  const cases: readonly [string, RequestListener, string][] = [
    ['a login page', html, 'reject'],
    ['an empty object', respond(200, '{}'), 'reject'],
    ['200 and no body', respond(200, ''), 'reject'],
    ['404', respond(404, '{}'), 'reject'],
    ['429', respond(429, '{}'), 'reject'],
    ['403', respond(403, '{}'), 'reject'],
    ['502 of a proxy', respond(502, '<h1>Bad gateway</h1>', 'text/html'), '999'],
    ['a reset', (request) => void request.socket.destroy(), '999'],
  ]
  let listener = html
  const other = await listen(t, (request, response) => listener(request, response))
  const stage = await lab(t, {
    freeradius: { adapt: (_file, text) => text.replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, other) },
  })
  const certificate = await stage.issueCertificate('laptop', sanForms.endpointManager(ids.compliant))
  for (const [name, handler, wanted] of cases) {
    listener = handler
    for (const reply of [
      await stage.mab({ mac: macs.compliant }),
      await stage.eapTls({ certificate, mac: macs.compliant }),
    ]) {
      t.equal(reply.code === 'accept' ? vlanOf(reply) : reply.code, wanted, name)
    }
  }
})

async function listen(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
