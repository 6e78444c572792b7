import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** What a clients file keeps in place of a password or a token. */
export interface SecretHash {
  readonly parameters: ScryptParameters
  readonly salt: Buffer
  readonly hash: Buffer
}

/** The cost of one check (RFC 7914 section 2): CPU and memory cost N, block size r, parallelization p. */
export interface ScryptParameters {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** About 16 MiB and 40 ms on a small machine. */
export const defaultScryptParameters: ScryptParameters = { N: 16_384, r: 8, p: 1 }

/** Eight times the default: a clients file cannot make one check cost more than 128 MiB or half a second. */
const maxCost = 2 ** 20
const saltLength = 16
const hashLength = 32
const hashPattern = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/

/** A new random secret for a client: 32 random bytes as 43 characters of base64url, fit for Basic and Bearer. */
export function createSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Hashes a password or token for a clients file: `scrypt:N:r:p:salt:hash`, salt and hash in base64. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(saltLength)
  const { N, r, p } = defaultScryptParameters
  const hash = await derive(secret, salt, hashLength, defaultScryptParameters)
  return `scrypt:${N}:${r}:${p}:${salt.toString('base64')}:${hash.toString('base64')}`
}

/** Reads what hashSecret writes; undefined for any other form and for parameters that are too weak or too costly. */
export function parseSecretHash(text: string): SecretHash | undefined {
  const match = hashPattern.exec(text)
  if (match === null) return undefined
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const salt = Buffer.from(match[4] ?? '', 'base64')
  const hash = Buffer.from(match[5] ?? '', 'base64')
  const isPowerOfTwo = Number.isInteger(Math.log2(N))
  if (!isPowerOfTwo || N < defaultScryptParameters.N || r < 8 || p < 1 || N * r * p > maxCost)
    return undefined
  if (salt.length < 8 || salt.length > 64 || hash.length < hashLength || hash.length > 64) return undefined
  return { parameters: { N, r, p }, salt, hash }
}

/** A hash that no secret has, to spend the same time on a user who does not exist. */
export function unmatchableHash(parameters: ScryptParameters): SecretHash {
  return { parameters, salt: randomBytes(saltLength), hash: randomBytes(hashLength) }
}

/** True where the secret is the one that was hashed. Costs one scrypt; the comparison takes constant time. */
export async function verifySecret(secret: string, expected: SecretHash): Promise<boolean> {
  const actual = await derive(secret, expected.salt, expected.hash.length, expected.parameters)
  return timingSafeEqual(actual, expected.hash)
}

function derive(secret: string, salt: Buffer, length: number, parameters: ScryptParameters): Promise<Buffer> {
  // The same password may arrive composed or decomposed; RFC 8265 section 4.2.2 has both normalised to NFC.
  const normalized = secret.normalize('NFC')
  // scrypt needs 128 * N * r bytes and a little; Node refuses above 32 MiB unless told otherwise.
  const options: ScryptOptions = { ...parameters, maxmem: 256 * parameters.N * parameters.r }
  return new Promise((resolve, reject) => {
    scrypt(normalized, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
