import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { readAnyCertificate, readCertificates } from '../../src/pem/read-certificates.ts'
import { readBytes } from '../../src/pem/read-file.ts'
import { readPrivateKey } from '../../src/pem/read-private-key.ts'
import { encryptedWith } from './encrypted-key.ts'

const { certificatePem, privateKeyPem } = await createSelfSignedCertificate({ commonName: 'nac.example' })
const key = createPrivateKey(privateKeyPem)
const x509 = new X509Certificate(certificatePem)
const der = { certificate: x509.raw, key: key.export({ type: 'pkcs8', format: 'der' }) }
const bytesOf = (text: string) => Buffer.from(text)
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')
const bigEndian = (text: string) => utf16(text).swap16()

const whyKey = (bytes: Uint8Array) => {
  const read = readPrivateKey(bytes)
  return read.ok ? 'was read' : read.why
}
const whyCertificate = (bytes: Uint8Array) => {
  const read = readCertificates(bytes)
  return read.ok ? 'was read' : read.why
}

/** What can be read in one way only. */
const harmless: Readonly<Record<string, (pem: string) => string>> = {
  'CRLF line ends': (pem) => pem.replaceAll('\n', '\r\n'),
  'line ends of an old Mac': (pem) => pem.replaceAll('\n', '\r'),
  'a byte order mark': (pem) => `\uFEFF${pem}`,
  'a byte order mark and CRLF': (pem) => `\uFEFF${pem.replaceAll('\n', '\r\n')}`,
  indentation: (pem) => pem.replaceAll(/^/gm, '    '),
  tabs: (pem) => pem.replaceAll(/^/gm, '\t'),
  'spaces at the ends of lines': (pem) => pem.replaceAll('\n', '  \n'),
  'empty lines': (pem) => pem.replaceAll('\n', '\n\n'),
  'no line end at the end': (pem) => pem.trimEnd(),
  'text around it': (pem) =>
    `Bag Attributes\n    friendlyName: Büro\nKey Attributes: <No Attributes>\n${pem}\n# end\n`,
  'long lines': (pem) => pem.replaceAll(/([A-Za-z0-9+/=]{64})\n(?=[A-Za-z0-9+/=]+\n)/g, '$1'),
}

t.test('what can be read in one way only is read', async (t) => {
  for (const [name, spoil] of Object.entries(harmless)) {
    const certificates = readCertificates(bytesOf(spoil(certificatePem)))
    t.equal(
      certificates.ok && certificates.value.list[0].fingerprint256,
      x509.fingerprint256,
      `certificate: ${name}`,
    )
    t.equal(
      certificates.ok && certificates.value.pem,
      certificatePem.trimEnd().concat('\n'),
      `${name}: written anew`,
    )
    const read = readPrivateKey(bytesOf(spoil(privateKeyPem)))
    t.ok(read.ok && read.value.equals(key), `key: ${name}`)
  }
})

t.test('text around the blocks may be in any encoding that holds ASCII', async (t) => {
  const latin1 = Buffer.from(`friendlyName: Büro\n${certificatePem}`, 'latin1')
  t.match(readCertificates(latin1), { ok: true, value: { pem: certificatePem } })
})

t.test('what cannot is refused with its cause and what to do', async (t) => {
  const lineEnds = /^has lost its line ends: /
  const spoilt: Readonly<Record<string, readonly [(pem: string) => Uint8Array, RegExp]>> = {
    'the two characters \\n': [
      (pem) => bytesOf(pem.replaceAll('\n', '\\n')),
      /two characters \\n .*printf '%b'/,
    ],
    'the characters \\r\\n': [(pem) => bytesOf(pem.replaceAll('\n', '\\r\\n')), /two characters \\n/],
    'a JSON text': [(pem) => bytesOf(JSON.stringify(pem)), /two characters \\n/],
    spaces: [(pem) => bytesOf(pem.replaceAll('\n', ' ')), /has lost its line ends: spaces stand/],
    'nothing for line ends': [(pem) => bytesOf(pem.replaceAll('\n', '')), lineEnds],
    base64: [(pem) => bytesOf(Buffer.from(pem).toString('base64')), /^is base64 of a PEM file.*base64 -d/],
    'base64 in lines': [
      (pem) => bytesOf(Buffer.from(pem).toString('base64').replaceAll(/.{76}/g, '$&\n')),
      /^is base64 of a PEM file/,
    ],
    'base64 of UTF-16': [(pem) => bytesOf(utf16(pem).toString('base64')), /^is base64 of a PEM file/],
    'no markers': [
      (pem) => bytesOf(pem.replaceAll(/-----.*-----\n/g, '')),
      /^is base64 without its BEGIN and END/,
    ],
    'UTF-16': [utf16, /^is UTF-16 text.*iconv -f UTF-16/],
    'UTF-16 big-endian': [bigEndian, /^is UTF-16 text/],
    'UTF-16 without a mark': [(pem) => Buffer.from(pem, 'utf16le'), /^is UTF-16 text/],
    quotes: [(pem) => bytesOf(pem.replaceAll(/^.+$/gm, '"$&"')), /^has quotes around its lines/],
    'one pair of quotes': [(pem) => bytesOf(`"${pem.trimEnd()}"`), /^has quotes around its lines/],
    'typographic hyphens': [(pem) => bytesOf(pem.replaceAll('-----', '—–')), /five hyphens/],
    'too few hyphens': [(pem) => bytesOf(pem.replaceAll('-----', '----')), /five hyphens/],
    'a zero-width space': [(pem) => bytesOf(pem.replace('MII', 'M\u200BII')), /U\+200B \(zero width space\)/],
    'a no-break space': [(pem) => bytesOf(pem.replaceAll('\n', '\u00A0\n')), /U\+00A0 \(no-break space\)/],
    'no END': [(pem) => bytesOf(pem.replace(/-----END.*/, '')), /^is cut off or mixed up: a BEGIN line/],
    'no BEGIN': [
      (pem) => bytesOf(pem.replace(/-----BEGIN.*\n/, '')),
      /^is cut off: its BEGIN line is missing/,
    ],
    'half of it': [(pem) => bytesOf(pem.slice(0, pem.length / 2)), /^is cut off/],
    'a line missing': [
      (pem) => bytesOf(pem.split('\n').toSpliced(4, 3).join('\n')),
      /cannot be decoded: it is cut off or was altered/,
    ],
    'a character that is no base64': [(pem) => bytesOf(pem.replace('MII', 'M!I')), /^has a damaged block/],
    nothing: [() => Buffer.alloc(0), /^is empty$/],
    'an empty line': [() => bytesOf('\r\n'), /^is empty$/],
    'a byte order mark alone': [() => bytesOf('\uFEFF'), /^is empty$/],
    words: [() => bytesOf('hello'), /^holds no PEM /],
    JSON: [() => bytesOf('{"kty":"RSA"}'), /^is JSON/],
    PuTTY: [() => bytesOf('PuTTY-User-Key-File-3: ssh-rsa\n'), /^is a key of PuTTY/],
    'the public key of SSH': [() => bytesOf('ssh-rsa AAAA me@here'), /^is a public key of SSH/],
    XML: [() => bytesOf('<RSAKeyValue><Modulus>'), /^is a key in XML/],
    'bytes of no format': [() => Buffer.from([1, 2, 3, 0, 255]), /^is binary, not PEM$/],
    'a Java keystore': [() => Buffer.from('feedfeed00000002', 'hex'), /^is a Java keystore/],
  }
  for (const [name, [spoil, cause]] of Object.entries(spoilt)) {
    t.match(whyCertificate(spoil(certificatePem)), cause, `certificate: ${name}`)
    t.match(whyKey(spoil(privateKeyPem)), cause, `key: ${name}`)
  }
})

t.test('another thing in place of the file is named', async (t) => {
  const publicKey = String(
    key.export === undefined ? '' : x509.publicKey.export({ type: 'spki', format: 'pem' }),
  )
  const block = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`
  t.match(whyCertificate(bytesOf(privateKeyPem)), /^holds a private key where the certificate belongs/)
  t.match(whyKey(bytesOf(certificatePem)), /^holds a certificate where its private key belongs/)
  t.match(whyCertificate(bytesOf(publicKey)), /^holds a public key/)
  t.match(whyKey(bytesOf(publicKey)), /^holds a public key/)
  t.match(whyCertificate(bytesOf(block('CERTIFICATE REQUEST'))), /certificate request \(CSR\)/)
  t.match(whyKey(bytesOf(block('CERTIFICATE REQUEST'))), /certificate request \(CSR\)/)
  t.match(whyCertificate(bytesOf(block('PKCS7'))), /openssl pkcs7 -print_certs/)
  t.match(whyCertificate(bytesOf(block('TRUSTED CERTIFICATE'))), /openssl x509 -in/)
  t.match(whyKey(bytesOf(block('OPENSSH PRIVATE KEY'))), /ssh-keygen -p -m PKCS8/)
  t.match(whyKey(bytesOf(block('DH PARAMETERS'))), /holds a block DH PARAMETERS/)
  t.match(whyCertificate(der.certificate), /^is a certificate in DER form.*openssl x509 -inform DER/)
  t.match(whyKey(der.key), /^is a private key in DER form.*openssl pkey -inform DER/)
  t.match(whyKey(key.export({ type: 'pkcs1', format: 'der' })), /^is a private key in DER form/)
  t.match(whyKey(x509.publicKey.export({ type: 'spki', format: 'der' })), /^is a public key in DER form/)
  const encrypted = key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' })
  t.match(whyKey(encrypted), /^is an encrypted private key in DER form/)
  // The first bytes of both, which is all that is looked at.
  t.match(whyKey(Buffer.from('308209b6020103308209', 'hex')), /^is a PKCS#12 \(PFX\) archive.*openssl pkcs12/)
  t.match(whyKey(Buffer.from('3082094606092a864886f70d010702a0', 'hex')), /^is PKCS#7/)
  t.ok(readAnyCertificate(der.certificate).ok, 'where DER is taken as well, it is read')
  t.ok(readAnyCertificate(bytesOf(certificatePem)).ok, 'and so is PEM')
})

t.test('a second block that is spoilt spoils the file', async (t) => {
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  t.match(
    whyCertificate(bytesOf(`${certificatePem}${broken}`)),
    /certificate \(number 2\) that cannot be decoded/,
  )
  const oneLine = certificatePem.replaceAll('\n', ' ')
  t.match(whyCertificate(bytesOf(`${certificatePem}${oneLine}`)), /has lost its line ends: spaces/)
  t.match(whyCertificate(bytesOf(`${certificatePem}${certificatePem.slice(0, 300)}`)), /is cut off/)
})

t.test('a file that cannot be read says so', async (t) => {
  const directory = t.testdir({ file: '' })
  t.match(readBytes(directory), { why: 'is a directory, not a file' })
  t.match(readBytes(join(directory, 'gone')), { why: 'does not exist' })
  t.match(readBytes(join(directory, 'file', 'in')), { why: /^does not exist: part of its path is a file/ })
})

t.test(
  'an encrypted key: no passphrase, a wrong one, one with something unseen, the right one',
  async (t) => {
    const variable = 'THE_PASSPHRASE'
    const forms = [
      key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }),
      key.export({ type: 'pkcs1', format: 'pem', cipher: 'des-ede3-cbc', passphrase: 'right' }),
    ]
    for (const form of forms) {
      const read = (value?: string) => readPrivateKey(bytesOf(String(form)), { variable, value })
      t.match(read(), { why: 'is encrypted, and THE_PASSPHRASE is not set', aboutPassphrase: true })
      t.match(read('wrong-one'), { why: /^cannot be decrypted with THE_PASSPHRASE: the passphrase is wrong/ })
      t.notMatch(read('wrong-one'), { why: /wrong-one/ })
      t.match(read('right\r'), { why: /; the passphrase ends in a carriage return/, aboutPassphrase: true })
      t.match(read('"right"'), { why: /; the passphrase is in quotes/ })
      t.match(read('right '), { why: /; the passphrase ends in a space/ })
      const found = read('right')
      t.ok(found.ok && found.value.equals(key))
      t.match(readPrivateKey(bytesOf(String(form))), {
        why: /^is encrypted, and an encrypted key is not read here/,
      })
    }
  },
)

t.test('a wrong passphrase that happens to leave a valid padding is called wrong all the same', async (t) => {
  const form = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'right' })
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const read = readPrivateKey(bytesOf(String(form)), { variable: 'V', value: `wrong ${attempt}` })
    if (read.ok || !read.why.startsWith('cannot be decrypted with V')) return t.fail(JSON.stringify(read))
  }
  t.pass('one in 256 has it')
})

t.test('an encryption that OpenSSL 3 has no more is called that, not a wrong passphrase', async (t) => {
  for (const [pem, name] of encryptedWith) {
    const read = readPrivateKey(bytesOf(pem), { variable: 'V', value: 'right' })
    t.match(read, { ok: false, aboutPassphrase: false }, name)
    t.match(read, { why: /^is encrypted in a way that is not supported/ }, name)
    t.match(read, { why: /openssl pkcs8 -topk8/ }, name)
    t.ok(!read.ok && read.why.includes(`(${name})`), `${name}: ${read.ok || read.why}`)
    t.notMatch(read, { why: /wrong/ })
  }
})

t.test('the conversion that is recommended leads to a key that is read', async (t) => {
  const directory = t.testdir({ 'plain.pem': privateKeyPem })
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
  const providers = ['-provider', 'default', '-provider', 'legacy']
  try {
    const old = ['-v1', 'PBE-SHA1-RC4-128', '-passout', 'pass:right', '-out', 'old.pem']
    openssl('pkcs8', '-topk8', ...providers, '-in', 'plain.pem', ...old)
  } catch {
    t.comment('there is no openssl with its legacy provider on this machine')
    return
  }
  const read = (file: string) => {
    const bytes = readBytes(join(directory, file))
    return bytes.ok ? readPrivateKey(bytes.value, { variable: 'V', value: 'right' }) : bytes
  }
  t.match(read('old.pem'), { why: /PBE-SHA1-RC4-128/ })
  const passwords = ['-passin', 'pass:right', '-passout', 'pass:right']
  openssl(
    'pkcs8',
    '-topk8',
    ...providers,
    '-v2',
    'aes-256-cbc',
    ...passwords,
    '-in',
    'old.pem',
    '-out',
    'new.pem',
  )
  t.match(read('new.pem'), { ok: true })
})

t.test('a key of any type is read; who may use it is judged elsewhere', async (t) => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const ed = generateKeyPairSync('ed25519').privateKey
  const forms = [
    ec.export({ type: 'pkcs8', format: 'pem' }),
    ec.export({ type: 'sec1', format: 'pem' }),
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${ec.export({ type: 'sec1', format: 'pem' })}`,
    ed.export({ type: 'pkcs8', format: 'pem' }),
  ]
  for (const form of forms) t.match(readPrivateKey(bytesOf(String(form))), { ok: true })
})

t.test('no file whatever makes the readers throw or quote it', async (t) => {
  const secret = privateKeyPem.split('\n')[3] ?? ''
  const spoilt = fc
    .tuple(fc.nat(privateKeyPem.length), fc.nat(60), fc.string({ unit: 'binary', maxLength: 20 }))
    .map(([at, length, put]) => `${privateKeyPem.slice(0, at)}${put}${privateKeyPem.slice(at + length)}`)
  const anything = fc.oneof(spoilt.map(bytesOf), fc.uint8Array({ maxLength: 300 }), spoilt.map(utf16))
  fc.assert(
    fc.property(anything, (bytes) => {
      const read = readPrivateKey(bytes)
      const certificates = readCertificates(bytes)
      const said = [read.ok ? '' : read.why, certificates.ok ? '' : certificates.why]
      return said.every((why) => !why.includes(secret.slice(0, 12)) && !/\p{Cc}/u.test(why))
    }),
    { numRuns: 2000 },
  )
  t.pass('2,000 of them')
})
