import t from 'tap'
import { createSecret, hashSecret, parseSecretHash, verifySecret } from '../../src/server/secret-hash.ts'

const salt = Buffer.alloc(16, 1).toString('base64')
const hash = Buffer.alloc(32, 2).toString('base64')

t.test('a hash verifies its own secret and no other', async (t) => {
  const text = await hashSecret('pa:ss wörd')
  t.match(text, /^scrypt:16384:8:1:[A-Za-z0-9+/]{22}==:[A-Za-z0-9+/]{43}=$/)
  const parsed = parseSecretHash(text)
  t.ok(parsed)
  if (parsed === undefined) return
  t.equal(await verifySecret('pa:ss wörd', parsed), true)
  t.equal(await verifySecret('pa:ss wo\u0308rd', parsed), true, 'composed or not is the same password')
  t.equal(await verifySecret('pa:ss word', parsed), false)
  t.not(await hashSecret('pa:ss wörd'), text, 'every hash has a salt of its own')
})

t.test('the costliest hash that is accepted can be checked', async (t) => {
  const parsed = parseSecretHash(`scrypt:131072:8:1:${salt}:${hash}`)
  t.equal(parsed && (await verifySecret('x', parsed)), false, 'Node gives it the memory')
})

t.test('a created secret is 32 random bytes that both schemes can carry', async (t) => {
  t.match(createSecret(), /^[A-Za-z0-9_-]{43}$/)
  t.not(createSecret(), createSecret())
})

const refused: Readonly<Record<string, string>> = {
  'another algorithm': `bcrypt:16384:8:1:${salt}:${hash}`,
  'the secret itself': 'hunter2',
  'fewer parts': `scrypt:16384:8:1:${salt}`,
  'N that is no power of two': `scrypt:16385:8:1:${salt}:${hash}`,
  'N that is too weak': `scrypt:8192:8:1:${salt}:${hash}`,
  'N that would stall the service': `scrypt:1048576:8:1:${salt}:${hash}`,
  'r that is too small': `scrypt:16384:1:1:${salt}:${hash}`,
  'r that makes it too costly': `scrypt:131072:16:1:${salt}:${hash}`,
  'p of zero': `scrypt:16384:8:0:${salt}:${hash}`,
  'p that makes it too costly': `scrypt:16384:8:9:${salt}:${hash}`,
  'a short salt': `scrypt:16384:8:1:AAAA:${hash}`,
  'a short hash': `scrypt:16384:8:1:${salt}:AAAA`,
  'a long hash': `scrypt:16384:8:1:${salt}:${'A'.repeat(88)}`,
  'a hash that is not base64': `scrypt:16384:8:1:${salt}:${'!'.repeat(44)}`,
  'a negative N': `scrypt:-16384:8:1:${salt}:${hash}`,
  'space around it': ` scrypt:16384:8:1:${salt}:${hash}`,
}
for (const [what, text] of Object.entries(refused)) {
  t.test(`refuses ${what}`, async (t) => t.equal(parseSecretHash(text), undefined))
}
