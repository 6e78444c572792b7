import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type MabDevice, playRadclient, vlanOf } from '../../src/cli/lab-peers.ts'
import { enrol, ids, lab, macs, peersMissing, sanForms } from './lab.ts'
import { callCheck, sendRaw, type } from './raw-radius.ts'

t.test('nothing that a supplicant sends is expanded, echoed or logged', { skip: peersMissing }, async (t) => {
  const directory = t.testdir()
  const canary = join(directory, 'canary')
  const control = join(directory, 'control')
  const stage = await lab(t, {
    freeradius: {
      // Shows that the trap is armed: an expansion of the same kind that the site itself asks for.
      adapt: (file, text) =>
        file === 'sites-available/nac'
          ? text.replace(
              'nac_detect_mab',
              `if (&User-Name == "armed") {
			update control {
				&Tmp-String-9 := "%{exec:/usr/bin/touch ${control}}"
			}
		}
		nac_detect_mab`,
            )
          : text,
    },
  })
  enrol(stage)
  const exec = `%{exec:/usr/bin/touch ${canary}}`
  const called = (ssid: string | Buffer) =>
    Buffer.concat([Buffer.from('00-11-22-33-44-55:'), Buffer.from(ssid)]).subarray(0, 253)
  const texts: Readonly<Record<string, string | Buffer>> = {
    expansion: exec,
    'expansion of version 4': `%exec('/usr/bin/touch', '${canary}')`,
    backticks: `\`/usr/bin/touch ${canary}\``,
    percent: '50% full %',
    'unclosed expansion': '%{nosuch',
    quotes: `"'\\"}]},{"reply:Class":"x`,
    'control characters': Buffer.from([...Array(32).keys()]),
    nul: Buffer.from('a\0b'),
    'invalid UTF-8': Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80]),
    '253 octets of escapes': Buffer.alloc(253, 1),
  }

  for (const [name, text] of Object.entries(texts)) {
    const reply = await sendRaw(stage.radius, [
      [type.userName, text],
      [type.serviceType, callCheck],
      [type.callingStationId, macs.compliant],
      [type.calledStationId, called(text)],
      [type.nasIdentifier, text],
    ])
    t.equal(reply, 'accept', `${name}: decided by the MAC, whatever stands beside it`)
    const alone = await sendRaw(stage.radius, [
      [type.userName, text],
      [type.serviceType, callCheck],
      [type.callingStationId, text],
    ])
    t.equal(alone, 'reject', `${name}: names no device`)
  }

  const attributes = Array.from({ length: 15 }, () => [type.nasIdentifier, Buffer.alloc(253, 1)] as const)
  const whole = await sendRaw(stage.radius, [
    [type.userName, '005056000001'],
    [type.serviceType, callCheck],
    [type.callingStationId, macs.compliant],
    ...attributes,
  ])
  t.equal(whole, 'accept', 'a packet of nearly 4 kB, six times as long in JSON')

  const probe = await playRadclient(stage.radius, 'auth', [
    'User-Name = "meraki_8021x_test"',
    'Service-Type = Call-Check',
    `Calling-Station-Id = "${macs.compliant}"`,
  ])
  t.equal(probe.code, 'reject')
  t.match(probe.attributes.get('Reply-Message'), [/alive/])

  t.notOk(existsSync(canary), 'nothing ran')
  await sendRaw(stage.radius, [
    [type.userName, 'armed'],
    [type.serviceType, callCheck],
    [type.callingStationId, macs.compliant],
  ])
  t.ok(existsSync(control), 'and the trap was armed')

  const log = stage.serviceLog()
  const others = log.split('\n').filter((line) => !line.includes('"event":"decision"'))
  t.notMatch(others.join('\n'), /touch|%\{|s3cret/, 'nothing of it in the log, but in decisions')
  t.notMatch(log, /[^\n\P{Cc}]/u, 'and there as text: no control character')
  t.notOk(log.includes(stage.credentials.split(':')[1] ?? ''), 'nor the password of the RADIUS server')
})

t.test(
  'a password that a user types is nowhere in the log of the service',
  { skip: peersMissing },
  async (t) => {
    const stage = await lab(t)
    enrol(stage)
    const password = 'correct-horse-battery-staple'
    const device: MabDevice = {
      mac: macs.compliant,
      attributes: [`Class = 0x${Buffer.from(password).toString('hex')}`],
    }
    t.equal((await stage.mab(device)).code, 'accept')
    const typed = [`User-Name = "alice"`, `User-Password = "${password}"`, 'Service-Type = Call-Check']
    await playRadclient(stage.radius, 'auth', typed)
    t.match(stage.radius.log(), password, 'FreeRADIUS had it')
    t.notMatch(stage.serviceLog(), password)
  },
)

t.test('typing the MAC of another device does not let a user in', { skip: peersMissing }, async (t) => {
  const stage = await lab(t)
  enrol(stage)
  const bare = macs.compliant.replaceAll('-', '').toLowerCase()
  const login = (...attributes: string[]) => playRadclient(stage.radius, 'auth', attributes)
  const typed = await login(
    `User-Name = "${bare}"`,
    'User-Password = "x"',
    'Calling-Station-Id = "00-50-56-00-00-99"',
  )
  t.equal(typed.code, 'reject', 'with a password')
  const vpn = await login(`User-Name = "${bare}"`, 'User-Password = "x"', 'Calling-Station-Id = "10.1.2.3"')
  t.equal(vpn.code, 'reject', 'over VPN')
  const identity = Buffer.from(
    `020100${(5 + bare.length).toString(16).padStart(2, '0')}01${Buffer.from(bare).toString('hex')}`,
    'hex',
  )
  const eap = await login(
    `User-Name = "${bare}"`,
    `Calling-Station-Id = "${macs.compliant}"`,
    `EAP-Message = 0x${identity.toString('hex')}`,
  )
  t.not(eap.code, 'accept', 'as the EAP identity')
  const guessed = await login(`User-Name = "${bare}"`, `Calling-Station-Id = "${macs.compliant}"`)
  t.equal(guessed.code, 'reject', 'nor from a NAS that does not say what it asks for')
})

t.test('names in a certificate are searched, not believed', { skip: peersMissing }, async (t) => {
  const canary = join(t.testdir(), 'canary')
  const stage = await lab(t)
  enrol(stage)
  const long = `https://example.com/${'x'.repeat(600)}`
  const rows: readonly [string, readonly string[], string][] = [
    ['an expansion', [`IntuneDeviceId://%{exec:/usr/bin/touch ${canary}}`], '30'],
    [
      'an expansion behind the id',
      [...sanForms.intuneDeviceId(ids.compliant), `https://%{exec:/usr/bin/touch ${canary}}`],
      '10',
    ],
    [
      'an expansion in front of the id, which may go on to its end',
      [`https://%{exec:/usr/bin/touch ${canary}}`, ...sanForms.intuneDeviceId(ids.compliant)],
      '30',
    ],
    ['quotes', [`IntuneDeviceId://"'\\"`], '30'],
    ['an id inside another name', [`https://example.com/IntuneDeviceId://${ids.compliant}`], '30'],
    ['a long name behind the id', [`IntuneDeviceId://${ids.compliant}`, long], '10'],
    ['4 kB behind the id', [`IntuneDeviceId://${ids.compliant}`, 'x'.repeat(4096)], '10'],
  ]
  for (const [name, sanUris, vlan] of rows) {
    const certificate = await stage.issueCertificate('laptop', sanUris)
    const reply = await stage.eapTls({ certificate, mac: macs.notEnrolled })
    t.equal(vlanOf(reply), vlan, name)
  }
  const certificate = await stage.issueCertificate('laptop', sanForms.intuneDeviceId(ids.compliant))
  const identity = `%{exec:/usr/bin/touch ${canary}}"'\\`
  const reply = await stage.eapTls({ certificate, mac: macs.notEnrolled, identity })
  t.equal(vlanOf(reply), '10', 'an identity with an expansion')
  t.notOk(existsSync(canary), 'nothing ran')
})

t.test(
  'a request that is larger than the service reads is refused, not an outage',
  { skip: peersMissing },
  async (t) => {
    // One update section holds 128 lines at most.
    const line = `\t\t\t&Tmp-String-5 += "${'x'.repeat(250)}"\n`
    const sections = `update request {\n${line.repeat(80)}\t\t}\n\t\t`.repeat(4)
    const stage = await lab(t, {
      freeradius: {
        adapt: (file, text) =>
          file === 'sites-available/nac' ? text.replace('nac_detect_mab', `${sections}nac_detect_mab`) : text,
      },
    })
    enrol(stage)
    t.equal((await stage.mab({ mac: macs.compliant })).code, 'reject')
    t.match(stage.serviceLog(), /"event":"radius_request_refused".*"code":"body_too_large"/)
  },
)
