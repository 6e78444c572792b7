import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { canaryMarker } from '../../scripts/secret-scan.ts'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'

const tenant = '11111111-1111-4111-8111-111111111111'
/** Opaque, as clients have to take it; a scan of what the service wrote finds it all the same. */
const accessToken = `${canaryMarker}-access-token`
const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

/**
 * A second server that speaks Microsoft's wire, written apart from the simulator and with other paths: it
 * shows that the service knows the protocol and not our own fake of it. It believes every assertion.
 */
export async function startOtherCloud(t: Test) {
  const authority = await createCertificateAuthority({ commonName: 'Other root' })
  const { certificatePem, privateKeyPem } = await issueServerCertificate(authority, {
    commonName: 'localhost',
    dnsNames: ['localhost'],
  })
  const asked: string[] = []
  const server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost')
    asked.push(`${request.method} ${pathname}`)
    const send = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type }).end(body)
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`
    if (pathname === `/${tenant}/v2.0/.well-known/openid-configuration`) {
      const endpoints = {
        issuer: `${origin}/${tenant}/v2.0`,
        authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
        token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
        jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
      }
      return send(200, 'application/json', JSON.stringify(endpoints))
    }
    if (pathname === `/${tenant}/oauth2/v2.0/token`) {
      return send(
        200,
        'application/json',
        JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: accessToken }),
      )
    }
    if (request.headers.authorization !== `Bearer ${accessToken}`) return send(401, 'text/plain', '')
    if (pathname.endsWith('/endpoints')) {
      const rows = [
        { providerName: 'Region', uri: 'OC' },
        { providerName: 'complianceretrievalservice', uri: `${origin}/Other/CR/` },
      ]
      return send(200, 'application/json', JSON.stringify({ value: rows }))
    }
    if (pathname === '/Other/CR/cisco/devices/') {
      const known = [deviceId, '005056A4895A'].includes(searchParams.get('value') ?? '')
      const status = known
        ? `<device><guid>${deviceId}</guid><Attributes><register_status>true</register_status><Compliance><status>true</status></Compliance></Attributes></device>`
        : ''
      return send(200, 'application/xml', `<ise_api><deviceList>${status}</deviceList></ise_api>`)
    }
    return send(404, 'text/plain', '')
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`
  return { origin, tenant, deviceId, caCertificatePem: authority.certificatePem, asked }
}
