import { createSign, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { secretForms } from '../../scripts/secret-forms.ts'
import { canaryMarker, scanBytes, scanPath } from '../../scripts/secret-scan.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const encrypted = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString()
const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = `${part({ typ: 'JWT', alg: 'RS256' })}.${part({ aud: 'x' })}`
const jwt = `${unsigned}.${createSign('sha256').update(unsigned).sign(privateKey).toString('base64url')}`
const canary = `${canaryMarker}-of-a-test`

const found = (text: string | Buffer) => [
  ...new Set(scanBytes('log', Buffer.from(text)).map(({ what, line }) => `${what}, line ${line}`)),
]

t.test('a private key is found as PEM, in a JSON text and without its first line', async (t) => {
  for (const [name, text] of Object.entries({ pem, encrypted, pkcs1 })) {
    t.has(found(`first\n${text}`), ['a PEM private key, line 2'], name)
    t.has(found(JSON.stringify({ text })), ['a PEM private key, line 1'], `${name} in JSON`)
  }
  t.same(found(`first\n${pem.replace(/-----.*-----\n/, '')}`), ['the body of an RSA private key, line 2'])
})

t.test('a token is found as it is and in every encoding', async (t) => {
  t.same(found(`\n\n{"authorization":"Bearer ${jwt}"}`), ['a JSON Web Token, line 3'])
  for (const form of secretForms(`Bearer ${jwt}`).slice(1)) {
    t.same(found(`a\n${form}`), ['an encoded JSON Web Token, line 2'], form.slice(0, 20))
  }
})

t.test('a canary is found wherever it begins in what was encoded', async (t) => {
  for (const before of ['', 'u', 'user:', 'user name:']) {
    const bytes = Buffer.from(before + canary)
    for (const encoding of ['latin1', 'base64', 'base64url', 'hex'] as const) {
      t.same(found(`x ${bytes.toString(encoding)}`), ['a planted canary, line 1'], `${before} ${encoding}`)
    }
  }
  const percent = canary.replaceAll(/./g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  t.same(found(percent), ['a planted canary, line 1'])
})

t.test('a canary is found among bytes that are no text', async (t) => {
  t.same(found(Buffer.concat([Buffer.from([0, 255, 254, 10, 128]), Buffer.from(canary)])), [
    'a planted canary, line 2',
  ])
})

t.test('what only speaks of secrets is none', async (t) => {
  const certificate = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  for (const text of [
    certificate,
    'names app.key, which holds no -----BEGIN PRIVATE KEY----- block (DER and PFX are not read)',
    'Bearer realm="intune-nac"',
    unsigned,
    'authorization: [redacted]',
    part({ some: 'cursor of a list' }),
  ])
    t.same(found(text), [], text.slice(0, 40))
})

t.test('every file below a directory is read, and the finding does not repeat the secret', async (t) => {
  const directory = t.testdir({ a: { 'b.log': `fine\n${canary}\n` }, 'c.log': 'fine', 'd.sqlite': jwt })
  const { files, findings } = scanPath(directory)
  t.equal(files, 3)
  t.same(
    findings.map(({ file, line, what }) => `${file.slice(directory.length + 1)}:${line} ${what}`).sort(),
    [`${join('a', 'b.log')}:2 a planted canary`, 'd.sqlite:1 a JSON Web Token'],
  )
  t.notMatch(JSON.stringify(findings), new RegExp(`${canaryMarker}|eyJ`))
})
