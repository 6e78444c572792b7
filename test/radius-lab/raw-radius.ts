import { createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import type { Freeradius } from '../../src/cli/lab-freeradius.ts'

/** The attribute types that the tests write octet by octet (RFC 2865 section 5). */
export const type = {
  userName: 1,
  serviceType: 6,
  calledStationId: 30,
  callingStationId: 31,
  nasIdentifier: 32,
}

/** Call-Check, as a value of Service-Type. */
export const callCheck = Buffer.from([0, 0, 0, 10])

/** How the server answered; `silence` where it dropped the packet. */
export type RawReply = 'accept' | 'reject' | 'silence'

/**
 * Sends an Access-Request with exactly these octets, which no RADIUS client program would send, signed with
 * Message-Authenticator (RFC 3579 section 3.2).
 */
export function sendRaw(
  radius: Pick<Freeradius, 'authPort' | 'secret'>,
  attributes: readonly (readonly [type: number, value: string | Buffer])[],
): Promise<RawReply> {
  const body = attributes.map(([number, value]) => {
    const octets = Buffer.from(value)
    return Buffer.concat([Buffer.from([number, octets.length + 2]), octets])
  })
  const signature = Buffer.concat([Buffer.from([80, 18]), Buffer.alloc(16)])
  const header = Buffer.concat([Buffer.from([1, randomBytes(1)[0] ?? 0, 0, 0]), randomBytes(16)])
  const packet = Buffer.concat([header, ...body, signature])
  packet.writeUInt16BE(packet.length, 2)
  createHmac('md5', radius.secret)
    .update(packet)
    .digest()
    .copy(packet, packet.length - 16)
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const late = setTimeout(() => finish('silence'), 5000)
    const finish = (reply: RawReply) => {
      clearTimeout(late)
      socket.close()
      resolve(reply)
    }
    socket.once('error', reject)
    socket.once('message', (reply) => finish(reply[0] === 2 ? 'accept' : 'reject'))
    socket.send(packet, radius.authPort, '127.0.0.1')
  })
}
