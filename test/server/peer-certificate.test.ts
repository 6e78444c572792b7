import { X509Certificate } from 'node:crypto'
import t from 'tap'
import {
  createCertificateAuthority,
  issueClientCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { readPeerCertificate } from '../../src/server/peer-certificate.ts'

const authority = await createCertificateAuthority({ commonName: 'Network root' })

async function read(commonName: string, sanUris: readonly string[] = []) {
  const pair = await issueClientCertificate(authority, { commonName, sanUris })
  return readPeerCertificate(new X509Certificate(pair.certificatePem))
}

t.test('a name that holds what looks like another name stays one name', async (t) => {
  const certificate = await read('a', ['urn:a', 'urn:b, URI:urn:c', 'urn:d", URI:"urn:e', 'urn:f'])
  t.same(certificate.alternativeNames, [
    'URI:urn:a',
    'URI:urn:b, URI:urn:c',
    'URI:urn:d", URI:"urn:e',
    'URI:urn:f',
  ])
})

t.test('a subject that holds what looks like another name is escaped', async (t) => {
  t.equal((await read('radius-1')).subject, 'CN=radius-1')
  t.equal((await read('a,O=Contoso')).subject, 'CN=a\\,O=Contoso')
  t.notMatch((await read('a\nO=Contoso')).subject, /O=Contoso,|\n/)
  t.same((await read('plain')).alternativeNames, [])
})
