import { createPrivateKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueClientCertificate,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'

t.test('an authority signs server and client certificates with their names', async (t) => {
  const authority = await createCertificateAuthority({ commonName: 'Root, "one"' })
  const root = new X509Certificate(authority.certificatePem)
  t.ok(root.ca)
  t.ok(root.verify(root.publicKey), 'the root is self-signed')
  t.equal(root.subject, 'CN=Root\\, \\"one\\"', 'the common name is taken as it is')

  const server = await issueServerCertificate(authority, {
    commonName: 'server',
    dnsNames: ['localhost', 'simulator'],
    ipAddresses: ['127.0.0.1', '::1'],
  })
  const serverCertificate = new X509Certificate(server.certificatePem)
  t.ok(serverCertificate.checkIssued(root) && serverCertificate.verify(root.publicKey))
  t.ok(serverCertificate.checkPrivateKey(createPrivateKey(server.privateKeyPem)))
  t.equal(serverCertificate.checkHost('simulator'), 'simulator')
  t.equal(serverCertificate.checkIP('::1'), '::1')
  t.equal(serverCertificate.checkIP('127.0.0.2'), undefined)
  t.notOk(serverCertificate.ca)
  t.strictSame(serverCertificate.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'server authentication')

  const uri = 'IntuneDeviceId://ee9d3792-6859-4b71-93aa-56aba42581c5'
  const client = await issueClientCertificate(authority, {
    commonName: 'device',
    sanUris: [uri, 'ID:Intune:GUID:x'],
  })
  const clientCertificate = new X509Certificate(client.certificatePem)
  t.equal(clientCertificate.subjectAltName, `URI:${uri}, URI:ID:Intune:GUID:x`)
  t.strictSame(clientCertificate.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'client authentication')
  t.not(serverCertificate.serialNumber, clientCertificate.serialNumber)
})

t.test('a self-signed certificate has the dates and the key size asked for', async (t) => {
  const notBefore = new Date('2025-01-01T00:00:00Z')
  const notAfter = new Date('2027-06-30T12:00:00Z')
  const app = await createSelfSignedCertificate({
    commonName: 'intune-nac',
    notBefore,
    notAfter,
    keyBits: 3072,
  })
  const certificate = new X509Certificate(app.certificatePem)
  t.same(certificate.validFromDate, notBefore)
  t.same(certificate.validToDate, notAfter)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 3072)
  t.equal(certificate.subject, 'CN=intune-nac')
  t.ok(certificate.verify(certificate.publicKey))
  t.match(app.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/)
})

t.test('a year from yesterday and 2048 bits are the default, and less is refused', async (t) => {
  const { certificatePem } = await createSelfSignedCertificate({ commonName: 'app' })
  const certificate = new X509Certificate(certificatePem)
  t.ok(certificate.validFromDate.getTime() < Date.now())
  t.ok(certificate.validToDate.getTime() > Date.now() + 360 * 86_400_000)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048)
  await t.rejects(createSelfSignedCertificate({ commonName: 'app', keyBits: 1024 }), { name: 'RangeError' })
})
