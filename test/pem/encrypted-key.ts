/** Lengths below 128 only in tests of one algorithm: short form; the long form for what is longer (X.690 section 8.1.3). */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const head =
    content.length < 128 ? [tag, content.length] : [tag, 0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}

const sequence = (...parts: Buffer[]) => der(0x30, ...parts)
const octets = (length: number) => der(0x04, Buffer.alloc(length, 0x5a))
const identifier = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const iterations = der(0x02, Buffer.from([0x08, 0x00]))

function asPem(label: string, content: Buffer, head = ''): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, `${head}${lines.join('\n')}`, `-----END ${label}-----`, ''].join('\n')
}

/** EncryptedPrivateKeyInfo (RFC 5958 section 3) of an algorithm; the content is no key, which nobody gets to see. */
function encryptedInfo(algorithm: Buffer): string {
  return asPem('ENCRYPTED PRIVATE KEY', sequence(algorithm, octets(608)))
}

/** PBES1 of PKCS#5 and the schemes of PKCS#12: salt and iterations (RFC 8018 appendix A.3, RFC 7292 appendix C). */
function pbe1(hex: string): string {
  return encryptedInfo(sequence(identifier(hex), sequence(octets(8), iterations)))
}

/** PBES2 with PBKDF2 and a cipher (RFC 8018 appendix A.4). */
function pbe2(cipher: Buffer): string {
  const derivation = sequence(identifier('2a864886f70d01050c'), sequence(octets(8), iterations))
  return encryptedInfo(sequence(identifier('2a864886f70d01050d'), sequence(derivation, cipher)))
}

/** The form of OpenSSL before 1.0: RFC 1421 header fields in front of PKCS#1. */
function traditional(cipher: string): string {
  const head = `Proc-Type: 4,ENCRYPTED\nDEK-Info: ${cipher},5A5A5A5A5A5A5A5A\n\n`
  return asPem('RSA PRIVATE KEY', Buffer.alloc(608, 0x5a), head)
}

/** Keys encrypted with what only the legacy provider of OpenSSL 3 still has, and the name of that. */
export const encryptedWith: readonly (readonly [pem: string, name: string])[] = [
  [pbe1('2a864886f70d010503'), 'PBE-MD5-DES'],
  [pbe1('2a864886f70d010506'), 'PBE-MD5-RC2-64'],
  [pbe1('2a864886f70d01050a'), 'PBE-SHA1-DES'],
  [pbe1('2a864886f70d01050b'), 'PBE-SHA1-RC2-64'],
  [pbe1('2a864886f70d010c0101'), 'PBE-SHA1-RC4-128'],
  [pbe1('2a864886f70d010c0102'), 'PBE-SHA1-RC4-40'],
  [pbe1('2a864886f70d010c0105'), 'PBE-SHA1-RC2-128'],
  [pbe1('2a864886f70d010c0106'), 'PBE-SHA1-RC2-40'],
  [pbe2(sequence(identifier('2b0e030207'), octets(8))), 'DES-CBC'],
  [traditional('DES-CBC'), 'DES-CBC'],
  [traditional('IDEA-CBC'), 'IDEA-CBC'],
  [traditional('RC2-CBC'), 'RC2-CBC'],
]
