import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { clientId } from './rig.ts'

// Not the first python3 in PATH: the packages are Debian's, and Debian's interpreter has them.
const python = '/usr/bin/python3'
const client = join(import.meta.dirname, 'ise_like_client.py')
const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'
const mac = '005056A4895A'
const retrievalNamespace =
  'http://schemas.datacontract.org/2004/07/Microsoft.Intune.ResourceAccess.ComplianceRetrievalService.Model'

const installed = spawnSync(python, ['-c', 'import cryptography, jwt, requests']).status === 0
const missing =
  'the ISE-like client needs: apt-get install -y python3-requests python3-jwt python3-cryptography'
if (!installed && process.env.CI === 'true') t.fail(missing)
if (!installed) t.comment(`SKIPPED: ${missing}`)

interface Step {
  readonly step: string
  readonly status: number
  readonly [fact: string]: unknown
}

for (const tokenEndpoint of ['v1', 'v2'] as const) {
  t.test(
    `a client that imitates ISE is served over the ${tokenEndpoint} token endpoint`,
    { skip: installed ? false : missing },
    async (t) => {
      const simulator = await startSimulator()
      t.teardown(() => simulator.close())
      const { tenant } = simulator
      const pair = await createSelfSignedCertificate({ commonName: 'ise.example' })
      tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem] })
      tenant.putDevice({
        deviceId,
        macs: [mac],
        complianceState: 'noncompliant',
        model: 'VMware Virtual Platform',
        serialNumber: 'VMware-4224',
        osVersion: '10.0.19043.2006',
      })
      const files = t.testdir({
        'ca.pem': simulator.caCertificatePem,
        'app.pem': pair.certificatePem,
        'app.key': pair.privateKeyPem,
      })
      const steps = await runClient({
        'login-url': simulator.origin,
        'graph-url': simulator.origin,
        tenant: simulator.tenantId,
        'client-id': clientId,
        certificate: join(files, 'app.pem'),
        'private-key': join(files, 'app.key'),
        ca: join(files, 'ca.pem'),
        'token-endpoint': tokenEndpoint,
        guid: deviceId,
        mac,
      })

      t.strictSame(
        steps.map(({ step, status }) => [step, status]),
        [
          'graph token',
          'discovery',
          'intune token',
          'v3 mdminfo',
          'v3 guid',
          'v3 macaddress',
          'v3 noncompliant',
          'v2 mdminfo',
          'v2 macaddress',
        ].map((step) => [step, 200]),
        'every step was answered',
      )
      const [graph, discovery, intune, info3, guid3, mac3, bulk3, info2, mac2] = steps
      const expiresIn = tokenEndpoint === 'v1' ? '3599' : 3599
      t.match(graph, { audience: 'https://graph.microsoft.com', roles: ['Application.Read.All'] })
      t.match(intune, { audience: 'https://api.manage.microsoft.com/', roles: ['get_device_compliance'] })
      t.strictSame([graph?.expiresIn, intune?.expiresIn], [expiresIn, expiresIn], 'numbers as this version')
      t.match(discovery, {
        requested: '//v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints',
        uris: { NACAPIService: /\/StatelessNACService$/, ComplianceRetrievalService: /Service$/ },
      })
      t.match(info3, { facts: { api_version: '3', api_path: /ComplianceRetrievalService\/cisco$/ } })
      const denied = { register_status: 'true', status: 'false' }
      t.match(guid3, { facts: { root: `{${retrievalNamespace}}ise_api`, guid: deviceId, ...denied } })
      t.match(mac3, { facts: { macaddress: mac, guid: deviceId, ...denied } })
      t.match(bulk3, { facts: { paging_info: '0', macaddress: mac, ...denied } })
      t.match(info2, {
        facts: { api_version: '2', api_path: '/StatelessNacService/ciscodeviceinfo/mdm/api' },
      })
      t.match(mac2, {
        contentType: /^application\/xml/,
        facts: { root: 'ise_api', ...denied, model: 'VMware Virtual Platform', serial_number: 'VMware-4224' },
      })

      const [recorded] = tenant.requests('token')
      t.match(recorded, {
        assertion: {
          header: { alg: 'RS256', x5t: /^[A-Za-z0-9+/]{27}=$/ },
          claims: { aud: `${simulator.origin}/${simulator.tenantId}/oauth2/token` },
        },
      })
      t.equal(recorded?.path.endsWith('/oauth2/v2.0/token'), tokenEndpoint === 'v2', 'at its own endpoint')
      t.match(tenant.requestCounts(), { token: 2, discovery: 1, mdminfo: 2, query: 3, bulk: 1, other: 0 })
    },
  )
}

/** Runs the client to its end; the step at which it stopped is its last. */
async function runClient(options: Readonly<Record<string, string>>): Promise<Step[]> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(python, [client, ...args], { timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
  })
  if (stderr !== '') throw new Error(stderr)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step)
}
