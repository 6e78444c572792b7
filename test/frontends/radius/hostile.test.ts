import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { createRadiusApp, mabBody, userPassword } from './radius-app.ts'

const texts = [
  '%{exec:/usr/bin/touch /tmp/x}',
  '%{User-Password}',
  "%exec('/usr/bin/touch', '/tmp/x')",
  '50% full %',
  '%%%{{x}}',
  `"'\\"}]},{"reply:Class":"x`,
  '\u0000\u0001\u001b[31m\r\n\r\nHTTP/1.1 200 OK',
  'x'.repeat(4096),
  '\uD800\uFFFF\u202E',
  '__proto__',
]

const readNames = [
  'User-Name',
  'Calling-Station-Id',
  'Called-Station-Id',
  'Called-Station-SSID',
  'NAS-Identifier',
  'NAS-IP-Address',
  'Intune-Device-Id',
  'Service-Type',
  'TLS-Client-Cert-X509v3-Subject-Alternative-Name',
  'TLS-Client-Cert-Subject-Alt-Name-Uri',
  'TLS-Client-Cert-Common-Name',
]

t.test('no text in any attribute comes back or into the log', async (t) => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const { ask } = createRadiusApp(t, { logger })
  for (const text of texts) {
    for (const name of readNames) {
      for (const section of ['authorize', 'post-auth']) {
        const marked = `marker7${text}`
        const { status, body } = await ask({ ...mabBody(), [name]: { value: [marked] } }, section)
        t.ok([200, 400].includes(status), `${name}: ${status}`)
        const answer = JSON.stringify(body)
        t.notMatch(answer, /marker7|touch|\\u001b/, name)
      }
    }
  }
  t.notMatch(lines.join(''), new RegExp(`marker7|${userPassword}|touch`), 'not in the log either')
})

t.test('wrong types, deep nesting and foreign keys get a safe answer', async (t) => {
  const { ask } = createRadiusApp(t)
  const bodies: unknown[] = [
    { 'Calling-Station-Id': { value: { value: ['00-50-56-A4-89-5A'] } } },
    { 'Calling-Station-Id': { value: [[['00-50-56-A4-89-5A']]] } },
    { 'Calling-Station-Id': 7, 'User-Name': true, 'Service-Type': null },
    { 'Calling-Station-Id': { type: 'string' } },
    '{"__proto__":{"value":["00-50-56-A4-89-5A"]},"constructor":{"prototype":1}}',
    `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
    `${'['.repeat(20_000)}`,
    'null',
    '\u0000',
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    '%'.repeat(60_000),
    '&=&=&==%zz%u0000;',
  ]
  for (const body of bodies) {
    const { status } = await ask(body)
    t.equal(status, 400, JSON.stringify(body).slice(0, 60))
  }
})

t.test('whatever the body is, the answer is JSON with a safe status', async (t) => {
  const { ask } = createRadiusApp(t)
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...texts),
    fc.integer(),
    fc.constant(null),
  )
  const entry = fc.oneof(value, fc.array(value), fc.record({ type: fc.string(), value: fc.array(value) }))
  const body = fc.oneof(
    fc
      .dictionary(fc.constantFrom(...readNames, '__proto__', 'x'), entry)
      .map((object) => JSON.stringify(object)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  await fc.assert(
    fc.asyncProperty(
      body,
      fc.constantFrom('authorize', 'post-auth', 'accounting'),
      async (given, section) => {
        await ask(given, section)
      },
    ),
    { numRuns: 200 },
  )
  t.ok(t.passing(), 'the checks of every reply held')
})
