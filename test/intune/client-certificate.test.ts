import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueClientCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { checkValidityPeriod, loadClientCertificate } from '../../src/intune/client-certificate.ts'

const authority = await createCertificateAuthority({ commonName: 'Test root' })
const leaf = await issueClientCertificate(authority, { commonName: 'nac.example' })
const other = await createSelfSignedCertificate({ commonName: 'other.example' })
const key = createPrivateKey(leaf.privateKeyPem)
const certificatePem = `subject=/CN=nac.example\n${leaf.certificatePem}${authority.certificatePem}`

/** Loads the two texts from files of their own. */
function load(t: Test, certificate: string | null, privateKey: string | null, passphrase?: string) {
  const directory = t.testdir({
    ...(certificate !== null && { 'certificate.pem': certificate }),
    ...(privateKey !== null && { 'key.pem': privateKey }),
  })
  return loadClientCertificate({
    certificateFile: join(directory, 'certificate.pem'),
    privateKeyFile: join(directory, 'key.pem'),
    passphrase,
  })
}

t.test('a certificate and its key are read in every usual form', async (t) => {
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'open sesame' }
  const forms = {
    'PKCS#8': key.export({ type: 'pkcs8', format: 'pem' }),
    'PKCS#1': key.export({ type: 'pkcs1', format: 'pem' }),
    'encrypted PKCS#8': key.export({ type: 'pkcs8', format: 'pem', ...cipher }),
    'encrypted PKCS#1': key.export({ type: 'pkcs1', format: 'pem', ...cipher }),
    'a bundle of certificate and key': `${leaf.certificatePem}${key.export({ type: 'pkcs8', format: 'pem' })}`,
  }
  const x509 = new X509Certificate(leaf.certificatePem)
  for (const [name, pem] of Object.entries(forms)) {
    const loaded = load(t, certificatePem, String(pem), 'open sesame')
    if (!loaded.ok) return t.fail(`${name}: ${loaded.fault.message}`)
    t.match(loaded.value.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/, `${name} becomes plain PKCS#8`)
    t.equal(loaded.value.thumbprintSha256, x509.fingerprint256.replaceAll(':', '').toLowerCase())
  }
})

t.test('the facts of the leaf are given, and the chain with the leaf first', async (t) => {
  const loaded = load(t, certificatePem, leaf.privateKeyPem)
  if (!loaded.ok) return t.fail(loaded.fault.message)
  t.match(loaded.value.thumbprintSha256, /^[0-9a-f]{64}$/, 'SHA-256 without colons')
  t.match(loaded.value.thumbprintSha1, /^[0-9a-f]{40}$/, 'SHA-1 without colons')
  t.equal(loaded.value.subject, 'CN=nac.example')
  t.equal(loaded.value.x5cPem.match(/BEGIN CERTIFICATE/g)?.length, 2, 'leaf and root')
  t.notMatch(loaded.value.x5cPem, /subject=/, 'text around the blocks is left out')
  t.ok(loaded.value.notBeforeMs < Date.now() && loaded.value.notAfterMs > Date.now(), 'dates in milliseconds')
  t.match(loaded.value.serialNumber, /^[0-9A-F]+$/)
})

t.test('no way of printing or copying the certificate shows the key', async (t) => {
  const loaded = load(t, certificatePem, leaf.privateKeyPem)
  if (!loaded.ok) return t.fail(loaded.fault.message)
  const secret = leaf.privateKeyPem.split('\n')[1] ?? ''
  t.ok(loaded.value.privateKeyPem.includes(secret), 'the key is there')
  const prints = {
    JSON: JSON.stringify(loaded.value),
    inspect: inspect(loaded.value, { showHidden: true, depth: 9, getters: false }),
    spread: inspect({ ...loaded.value }),
    'own properties': inspect(Object.getOwnPropertyDescriptors(loaded.value)),
  }
  for (const [name, text] of Object.entries(prints)) t.notOk(text.includes(secret), `${name} has no key`)
})

t.test('what is wrong with a file is said with its variable, its name and the reason', async (t) => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  const encrypted = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  const cases: [string, ReturnType<typeof load>, string, RegExp][] = [
    ['a missing certificate', load(t, null, leaf.privateKeyPem), 'certificate_unreadable', /does not exist/],
    [
      'a DER certificate',
      load(t, '0\x82', leaf.privateKeyPem),
      'certificate_unreadable',
      /is binary, not PEM/,
    ],
    ['a broken block', load(t, broken, leaf.privateKeyPem), 'certificate_unreadable', /cannot be decoded/],
    ['a missing key', load(t, certificatePem, null), 'private_key_unreadable', /does not exist/],
    ['a key that is none', load(t, certificatePem, 'hello'), 'private_key_unreadable', /no PEM private key/],
    [
      'an EC key',
      load(t, certificatePem, String(ec)),
      'private_key_unreadable',
      /type ec; Entra ID takes RSA/,
    ],
    [
      'a short key',
      load(t, certificatePem, String(short.export({ type: 'pkcs8', format: 'pem' }))),
      'private_key_unreadable',
      /1024 bits; at least 2048/,
    ],
    [
      'an encrypted key without passphrase',
      load(t, certificatePem, String(encrypted)),
      'private_key_unreadable',
      /INTUNE_PRIVATE_KEY_PASSPHRASE is not set/,
    ],
    [
      'an encrypted key with the wrong passphrase',
      load(t, certificatePem, String(encrypted), 'wrong one'),
      'private_key_unreadable',
      /cannot be decrypted with INTUNE_PRIVATE_KEY_PASSPHRASE/,
    ],
    [
      'a key of another certificate',
      load(t, certificatePem, other.privateKeyPem),
      'certificate_key_mismatch',
      /does not belong to the first certificate of INTUNE_CERTIFICATE_FILE/,
    ],
    [
      'a chain with the root first',
      load(t, `${authority.certificatePem}${leaf.certificatePem}`, leaf.privateKeyPem),
      'certificate_key_mismatch',
      /belongs to certificate 2 in that file, but the leaf must come first/,
    ],
  ]
  for (const [name, outcome, code, message] of cases) {
    if (outcome.ok) return t.fail(`${name} was accepted`)
    t.equal(outcome.fault.code, code, name)
    t.match(outcome.fault.message, message, name)
    t.match(
      outcome.fault.message,
      /INTUNE_(CERTIFICATE|PRIVATE_KEY)_FILE.*(certificate|key)\.pem/,
      `${name}: variable and file`,
    )
    t.match(outcome.fault.field, /^INTUNE_/, `${name}: field`)
    t.notMatch(outcome.fault.message, /wrong one/, 'the passphrase is not repeated')
  }
  const directory = loadClientCertificate({ certificateFile: t.testdirName, privateKeyFile: t.testdirName })
  t.match(directory, { fault: { code: 'certificate_unreadable', message: /which is a directory/ } })
  const odd = loadClientCertificate({ certificateFile: 'a\0b', privateKeyFile: 'c' })
  t.match(odd, {
    fault: { code: 'certificate_unreadable', message: /cannot be read \(ERR_INVALID_ARG_VALUE\)/ },
  })
})

t.test('the validity period is judged by the given time alone', async (t) => {
  const period = { notBeforeMs: 1_000_000, notAfterMs: 2_000_000 }
  t.same(
    checkValidityPeriod(period, 1_000_000),
    { ok: true, value: undefined },
    'valid from its first moment',
  )
  t.same(checkValidityPeriod(period, 2_000_000), { ok: true, value: undefined }, 'and to its last')
  t.match(checkValidityPeriod(period, 2_000_001), {
    fault: { code: 'certificate_expired', message: /1970-01-01T00:33:20/, field: 'INTUNE_CERTIFICATE_FILE' },
  })
  t.match(checkValidityPeriod(period, 999_999), {
    fault: { code: 'certificate_not_yet_valid', message: /1970-01-01T00:16:40/ },
  })
})
