import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import { findRequestId, parseRetryAfter } from '../../src/intune/reply-headers.ts'
import { createNetworks, isNetwork } from '../../src/networks/networks.ts'
import { parseAuthorization } from '../../src/server/authorization-header.ts'
import { Problem, presentProblem } from '../../src/server/problem.ts'
import { requestFault } from '../../src/server/request-fault.ts'
import { parseSecretHash } from '../../src/server/secret-hash.ts'
import { json, mutated, optional, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

const scheme = (name: string) =>
  fc.constantFrom(name, name.toLowerCase(), name.toUpperCase(), `${name} `).map((written) => `${written} `)
/** A user-id and a password as RFC 7617 section 2 allows them. */
const userId = fc.string({ unit: 'grapheme', maxLength: 30 }).map((given) =>
  given
    .replace(/[:\p{Cc}]/gu, '')
    .toWellFormed()
    .normalize('NFC'),
)
const password = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .map((given) => given.replace(/\p{Cc}/gu, '').toWellFormed())
const token = fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,60}={0,2}$/)
const basic = (user: string, secret: string) => Buffer.from(`${user}:${secret}`).toString('base64')
const authorization = fc.oneof(
  fc.tuple(scheme('Basic'), userId, password).map(([name, user, secret]) => name + basic(user, secret)),
  fc.tuple(scheme('Bearer'), token).map((parts) => parts.join('')),
)

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4().map((mapped) => `::ffff:${mapped}`),
)
const network = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 33 })).map((parts) => parts.join('/')),
  fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 129 })).map((parts) => parts.join('/')),
  address,
)
/** The number that an IPv4 address is. */
const numberOf = (given: string) => given.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

const hash = 'scrypt:16384:8:1:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='

await fuzz(t, 'http-headers', {
  'Basic credentials are read as they were written': fuzzed(
    fc.property(scheme('Basic'), userId, password, (name, user, secret) => {
      const read = parseAuthorization(name + basic(user, secret))
      return read?.scheme === 'basic' && read.username === user && read.password === secret
    }),
  ),
  'a bearer token is read as it was written': fuzzed(
    fc.property(scheme('Bearer'), token, (name, given) => {
      const read = parseAuthorization(name + given)
      return read?.scheme === 'bearer' && read.token === given
    }),
  ),
  'any other Authorization is refused or well formed': fuzzed(
    fc.property(fc.oneof(text, mutated(authorization)), (header) => {
      const read = parseAuthorization(header)
      if (read === undefined) return true
      if (read.scheme === 'bearer') return /^[A-Za-z0-9._~+/-]+=*$/.test(read.token)
      return !/[:\p{Cc}]/u.test(read.username) && !/\p{Cc}/u.test(read.password)
    }),
  ),
  'Retry-After is a pause of an hour at most, or none': fuzzed(
    fc.property(
      fc.oneof(
        text,
        fc.integer().map(String),
        mutated(fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())),
      ),
      fc.integer({ min: 0, max: 4e12 }),
      (header, nowMs) => {
        const pauseMs = parseRetryAfter(header, nowMs)
        return pauseMs === undefined || (pauseMs >= 0 && pauseMs <= 3_600_000)
      },
    ),
  ),
  'a date in Retry-After is the time until then': fuzzed(
    fc.property(
      fc.integer({ min: 0, max: 4e9 }),
      fc.integer({ min: -9000, max: 9000 }),
      (nowSeconds, aheadSeconds) => {
        const date = new Date((nowSeconds + aheadSeconds) * 1000)
        if (date.getTime() < 0) return true
        const pauseMs = parseRetryAfter(date.toUTCString(), nowSeconds * 1000)
        return pauseMs === Math.min(Math.max(aheadSeconds, 0), 3600) * 1000
      },
    ),
  ),
  'only an id of a peer that is safe to log is taken': fuzzed(
    fc.property(optional(text), optional(text), optional(text), (one, two, three) => {
      const headers = Object.fromEntries(
        Object.entries({ 'request-id': one, 'x-ms-request-id': two, 'client-request-id': three }).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        ),
      )
      const id = findRequestId(headers)
      return id === undefined || /^[\w.:-]{1,80}$/.test(id)
    }),
  ),
  'an address is in exactly the IPv4 networks that its bits say': fuzzed(
    fc.property(
      fc.ipV4(),
      fc.integer({ min: 0, max: 32 }),
      fc.ipV4(),
      fc.boolean(),
      (base, prefix, asked, mapped) => {
        const size = 2 ** (32 - prefix)
        const first = Math.floor(numberOf(base) / size) * size
        const start = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')
        const written = `${start}/${prefix}`
        const inside = Math.floor(numberOf(asked) / size) * size === first
        const given = mapped ? `::ffff:${asked}` : asked
        return isNetwork(written) && createNetworks([written]).contains(given) === inside
      },
    ),
  ),
  'no text is taken for a network or for an address in one': fuzzed(
    fc.property(fc.oneof(text, mutated(network), network), fc.oneof(text, mutated(address)), (one, other) => {
      const networks = createNetworks([one, '0.0.0.0/0', '::/0'])
      const known = isNetwork(one)
      return (
        (!known || isIP(one.split('/')[0] ?? '') !== 0) && (!networks.contains(other) || isIP(other) !== 0)
      )
    }),
  ),
  'a hash is within its floor and its ceiling, or none': fuzzed(
    fc.property(
      fc.oneof(
        text,
        mutated(fc.constant(hash)),
        fc
          .tuple(fc.nat(2 ** 22), fc.nat(64), fc.nat(64))
          .map((costs) => hash.replace('16384:8:1', costs.join(':'))),
      ),
      (given) => {
        const { parameters } = parseSecretHash(given) ?? {}
        if (parameters === undefined) return true
        const { N, r, p } = parameters
        return N >= 16_384 && N * r * p <= 1_048_576
      },
    ),
  ),
  'whatever is thrown becomes a problem that fits its schema': fuzzed(
    fc.property(
      fc.oneof(json, fc.record({ code: text, statusCode: fc.oneof(fc.integer(), json) })),
      fc.constantFrom(...(Object.keys(faultCatalogue) as FaultCode[])),
      text,
      (thrown, code, message) => {
        const problems = [
          presentProblem(requestFault(thrown)),
          presentProblem({ code, message, field: message }),
        ]
        return problems.every((problem) => Problem.safeParse(problem).success)
      },
    ),
  ),
})
