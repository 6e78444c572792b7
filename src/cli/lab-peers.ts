import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificateAndKey } from '../certificates/certificate.ts'
import type { Freeradius } from './lab-freeradius.ts'

/** How a RADIUS server answered, with the attributes as they came off the wire. */
export interface RadiusReply {
  readonly code: 'accept' | 'reject' | 'accounting' | 'none'
  /** Values by dictionary name, in the order of the packet. */
  readonly attributes: ReadonlyMap<string, readonly string[]>
  /** What the client program printed. */
  readonly output: string
}

/** A device as the NAS sees it. */
export interface MabDevice {
  readonly mac: string
  /** More attributes in radclient's notation, such as `Called-Station-Id = "..."`. */
  readonly attributes?: readonly string[]
}

/** Plays MAC authentication bypass with radclient, like a switch. `mac` goes into User-Name and Calling-Station-Id. */
export async function playMab(radius: Freeradius, { mac, attributes = [] }: MabDevice): Promise<RadiusReply> {
  const bare = mac.replaceAll(/[^0-9A-Fa-f]/g, '').toLowerCase()
  const request = [
    `User-Name = "${bare}"`,
    `User-Password = "${bare}"`,
    'Service-Type = Call-Check',
    'NAS-IP-Address = 127.0.0.1',
    'NAS-Port-Type = Ethernet',
    `Calling-Station-Id = "${mac}"`,
    ...attributes,
  ]
  return playRadclient(radius, 'auth', request)
}

/** Sends any request with radclient; one attempt, because a repeated one would hide a lost answer. */
export async function playRadclient(
  radius: Freeradius,
  kind: 'auth' | 'acct',
  attributes: readonly string[],
): Promise<RadiusReply> {
  const port = kind === 'auth' ? radius.authPort : radius.accountingPort
  const message = kind === 'auth' ? ['Message-Authenticator = 0x00'] : []
  const input = `${[...attributes, ...message].join('\n')}\n`
  const options = ['-x', '-r', '1', '-t', '10', `127.0.0.1:${port}`, kind, radius.secret]
  return parseRadclient(await run('radclient', options, input))
}

/** Many devices at once: `parallel` requests under way. Gives radclient's own totals. */
export async function playManyMab(
  radius: Freeradius,
  macs: readonly string[],
  parallel: number,
): Promise<{ readonly accepted: number; readonly rejected: number; readonly lost: number }> {
  const packets = macs.map((mac) =>
    [
      `User-Name = "${mac.toLowerCase()}"`,
      'Service-Type = Call-Check',
      'NAS-IP-Address = 127.0.0.1',
      `Calling-Station-Id = "${mac}"`,
      'Message-Authenticator = 0x00',
    ].join('\n'),
  )
  const options = ['-s', '-q', '-r', '1', '-t', '10', '-p', String(parallel)]
  const input = `${packets.join('\n\n')}\n`
  const output = await run(
    'radclient',
    [...options, `127.0.0.1:${radius.authPort}`, 'auth', radius.secret],
    input,
  )
  const count = (name: string) => Number(new RegExp(`${name}\\s*:\\s*(\\d+)`).exec(output)?.[1] ?? Number.NaN)
  return { accepted: count('Accepted'), rejected: count('Rejected'), lost: count('Lost') }
}

/** A laptop with a certificate. */
export interface EapDevice {
  /** An existing folder for its files. */
  readonly directory: string
  readonly certificate: CertificateAndKey
  /** The root that it trusts for the RADIUS server. */
  readonly serverCaPem: string
  readonly mac: string
  readonly identity?: string
  /** How often it authenticates again afterwards, with the TLS session of the first time. */
  readonly again?: number
  /** `-N` arguments of eapol_test, such as `30:s:00-11-22-33-44-55:Corp`. */
  readonly attributes?: readonly string[]
}

/** Plays EAP-TLS with eapol_test, the supplicant of wpa_supplicant. The reply is that of the last authentication. */
export async function playEapTls(radius: Freeradius, device: EapDevice): Promise<RadiusReply> {
  const { directory, certificate, identity = 'host/laptop.corp.example', again = 0 } = device
  const file = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const configuration = file(
    'supplicant.conf',
    `network={
  key_mgmt=IEEE8021X
  eap=TLS
  identity=${Buffer.from(identity).toString('hex')}
  ca_cert="${file('ca.pem', device.serverCaPem)}"
  client_cert="${file('client.pem', certificate.certificatePem)}"
  private_key="${file('client.key', certificate.privateKeyPem)}"
}
`,
  )
  const options = ['-c', configuration, '-a', '127.0.0.1', '-p', String(radius.authPort), '-s', radius.secret]
  const attributes = (device.attributes ?? []).flatMap((attribute) => ['-N', attribute])
  const mac = (device.mac.match(/[0-9a-f]{2}/gi) ?? []).join(':')
  const repeat = again > 0 ? ['-r', String(again)] : []
  return parseEapolTest(
    await run('eapol_test', [...options, '-M', mac, '-t', '15', ...repeat, ...attributes]),
  )
}

/** The VLAN of a reply, or undefined where it names none. */
export function vlanOf({ attributes }: RadiusReply): string | undefined {
  return attributes.get('Tunnel-Private-Group-Id')?.[0]
}

/** Reads what `radclient -x` prints of the last packet that came. */
export function parseRadclient(output: string): RadiusReply {
  const received = output.slice(Math.max(0, output.lastIndexOf('Received ')))
  const code = /^Received (Access-Accept|Access-Reject|Accounting-Response)/.exec(received)?.[1]
  const attributes = new Map<string, string[]>()
  for (const [, name = '', quoted, plain] of received.matchAll(
    /^\t([\w-]+(?::\d+)?) = (?:"((?:[^"\\]|\\.)*)"|(.*))$/gm,
  )) {
    const key = name.replace(/:0$/, '')
    attributes.set(key, [...(attributes.get(key) ?? []), quoted ?? plain ?? ''])
  }
  return { code: radclientCodes[code ?? ''] ?? 'none', attributes, output }
}

const radclientCodes: Readonly<Record<string, RadiusReply['code']>> = {
  'Access-Accept': 'accept',
  'Access-Reject': 'reject',
  'Accounting-Response': 'accounting',
}

/**
 * eapol_test prints texts that it does not know as octets and names Microsoft's keys and Cisco's pairs Vendor-Specific:
 * what the lab looks at is given the names and texts that radclient has from its dictionary.
 */
const eapolNames: Readonly<Record<string, string>> = { '11': 'Filter-Id', '81': 'Tunnel-Private-Group-Id' }
const eapolTexts: ReadonlySet<string> = new Set(['11', '18', '81'])
const eapolNumbers: Readonly<Record<string, string>> = {
  '64/0000000d': 'VLAN',
  '65/00000006': 'IEEE-802',
  '29/1': 'RADIUS-Request',
}

/** Reads what eapol_test prints of the last RADIUS packet that it received, and of the outcome. */
export function parseEapolTest(output: string): RadiusReply {
  const received = output.slice(Math.max(0, output.lastIndexOf('Received RADIUS message')))
  const accepted = /RADIUS message: code=2 /.test(received)
  const rejected = /RADIUS message: code=3 /.test(received)
  // The packet alone does not say that the supplicant agrees: its keys have to fit as well.
  const success = /^SUCCESS$/m.test(received)
  const attributes = new Map<string, string[]>()
  for (const [, type = '', given = '', value = ''] of received.matchAll(
    /Attribute (\d+) \(([^)]+)\) length=\d+\n(?: +Value: (.*)\n)?/g,
  )) {
    const { name, text } = readEapolAttribute(type, given, value)
    attributes.set(name, [...(attributes.get(name) ?? []), text])
  }
  return { code: accepted && success ? 'accept' : rejected ? 'reject' : 'none', attributes, output }
}

function readEapolAttribute(type: string, given: string, value: string): { name: string; text: string } {
  const name = eapolNames[type] ?? given
  // RFC 2865 section 5.26: vendor 9 is Cisco, its type 1 is Cisco-AVPair.
  if (type === '26' && value.startsWith('0000000901')) {
    return { name: 'Cisco-AVPair', text: Buffer.from(value.slice(12), 'hex').toString() }
  }
  if (eapolTexts.has(type) && /^(?:[0-9a-f]{2})+$/.test(value)) {
    return { name, text: Buffer.from(value, 'hex').toString() }
  }
  return { name, text: eapolNumbers[`${type}/${value}`] ?? value.replace(/^'(.*)'$/, '$1') }
}

/** What a program wrote, whatever its exit code: both print the answer before they judge it. */
function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 },
      (error, stdout, stderr) => {
        if (error && typeof error.code === 'string') reject(error)
        else resolve(`${stdout}${stderr}`)
      },
    )
    child.stdin?.end(input)
  })
}
