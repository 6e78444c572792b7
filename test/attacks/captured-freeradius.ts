import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { startFreeradius } from '../../src/cli/lab-freeradius.ts'
import { playEapTls } from '../../src/cli/lab-peers.ts'
import type { Attributes } from './freeradius-model.ts'
import { type ChosenNames, createLenientAuthority } from './lenient-authority.ts'

/** The name of the root that signs, which FreeRADIUS also shows as that of devices without a common name. */
export const rootName = 'Lenient root'

/**
 * The ready site of a real FreeRADIUS in front of a server that only listens: gives the attributes that rlm_rest posts
 * for a certificate with these names, once for each authentication; the second is a resumed TLS session.
 */
export async function capturedFreeradius(t: Test) {
  const bodies: string[] = []
  const accept = { 'control:NAC-Decision': { op: ':=', do_xlat: false, value: ['allow'] } }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString('latin1'))
      response.setHeader('content-type', 'application/json').end(JSON.stringify(accept))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const [devices, services] = await Promise.all([
    createCertificateAuthority({ commonName: rootName }),
    createCertificateAuthority({ commonName: 'Lab service root' }),
  ])
  const directory = t.testdir()
  const radius = await startFreeradius({
    directory: join(directory, 'raddb'),
    serviceUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    password: 'x',
    eapServer: await issueServerCertificate(services, { commonName: 'radius.lab', dnsNames: ['radius.lab'] }),
    deviceCaPem: devices.certificatePem,
    serviceCaPem: services.certificatePem,
  })
  t.teardown(() => radius.close())
  const issue = createLenientAuthority(devices)
  let supplicants = 0
  return async (names: ChosenNames, again = 0): Promise<readonly Attributes[]> => {
    supplicants += 1
    const supplicant = join(directory, `supplicant-${supplicants}`)
    mkdirSync(supplicant)
    bodies.length = 0
    await playEapTls(radius, {
      directory: supplicant,
      certificate: issue(names),
      serverCaPem: services.certificatePem,
      mac: '00-50-56-00-00-01',
      again,
    })
    return bodies.map((body) => {
      const given: Record<string, { value: string[] }> = JSON.parse(body)
      return Object.fromEntries(Object.entries(given).map(([name, { value }]) => [name, value]))
    })
  }
}
