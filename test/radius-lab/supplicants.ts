import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEapolTest, type RadiusReply } from '../../src/cli/lab-peers.ts'
import type { DebianFreeradius } from './debian-site.ts'
import { person } from './debian-site.ts'

/** How a device authenticates: with a certificate, or its user with a password inside a tunnel. */
export type EapMethod = 'TLS' | 'TTLS' | 'PEAP'

/** What a device has. */
export interface Supplicant {
  /** A folder that this device has for itself. */
  readonly directory: string
  readonly method: EapMethod
  readonly mac: string
  readonly certificate?: { readonly certificatePem: string; readonly privateKeyPem: string }
}

/** One packet that a RADIUS server sent: its code (RFC 2865: 2 Accept, 3 Reject, 11 Challenge) and its attributes. */
export interface ReceivedPacket extends RadiusReply {
  readonly packetCode: number
}

/** Writes a configuration of wpa_supplicant and eapol_test; gives its path. */
export function writeSupplicant(serverCaPem: string, supplicant: Supplicant): string {
  const { directory, method, certificate } = supplicant
  mkdirSync(directory, { recursive: true })
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const password = `identity="${person.name}"\n  password="${person.password}"`
  const inside: Record<EapMethod, string> = {
    TLS: `identity="host/laptop"
  client_cert="${file('client.pem', certificate?.certificatePem ?? '')}"
  private_key="${file('client.key', certificate?.privateKeyPem ?? '')}"`,
    TTLS: `${password}\n  phase2="auth=PAP"`,
    PEAP: `${password}\n  phase2="auth=MSCHAPV2"`,
  }
  return file(
    'supplicant.conf',
    `ap_scan=0
network={
  key_mgmt=IEEE8021X
  eap=${method}
  eapol_flags=0
  ca_cert="${file('ca.pem', serverCaPem)}"
  ${inside[method]}
}
`,
  )
}

/** Authenticates with eapol_test; gives every packet that the server sent, in order. */
export async function playEap(
  radius: DebianFreeradius,
  supplicant: Supplicant,
): Promise<readonly ReceivedPacket[]> {
  const configuration = writeSupplicant(radius.serverCaPem, supplicant)
  const mac = (supplicant.mac.match(/[0-9a-f]{2}/gi) ?? []).join(':')
  const server = ['-a', '127.0.0.1', '-p', String(radius.authPort), '-s', radius.secret]
  const output = await new Promise<string>((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 }
    execFile(
      'eapol_test',
      ['-c', configuration, ...server, '-M', mac, '-t', '15'],
      options,
      (error, stdout) => {
        if (error && typeof error.code === 'string') reject(error)
        else resolve(stdout)
      },
    )
  })
  return output
    .split(/(?=(?:Received|Sending) RADIUS message)/)
    .filter((text) => text.startsWith('Received'))
    .map((text) => ({
      ...parseEapolTest(text),
      packetCode: Number(/RADIUS message: code=(\d+) /.exec(text)?.[1]),
    }))
}
