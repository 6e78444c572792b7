import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ComplianceCache } from '../../src/compliance/compliance-cache.ts'
import type { ComplianceLookup } from '../../src/compliance/compliance-record.ts'
import { createDecide } from '../../src/decision/decision-service.ts'
import { success } from '../../src/errors/fault.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { createServer } from '../../src/server/server.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { keptLogger } from '../fakes/kept-output.ts'
import { alice, bob, chosenNames, chosenText, deviceIdUris, intuneNames, sidUri } from './chosen-names.ts'
import { type Attributes, certificateAttributes, rlmRestBody } from './freeradius-model.ts'
import type { ChosenNames, SanName } from './lenient-authority.ts'

t.setTimeout(0)
const numRuns = Number(process.env.FUZZ_RUNS ?? 500)
const seeds =
  process.env.FUZZ_SEED === undefined ? [20_261_123, randomInt(2 ** 31)] : [Number(process.env.FUZZ_SEED)]

/** The service with a memory: Alice's device is compliant by its id and by its MAC, and nobody else is. */
function service(t: Test) {
  const lookup: ComplianceLookup = async ({ kind, value }) => {
    const isAlice = (kind === 'deviceId' && value === alice.id) || (kind === 'mac' && value === alice.mac)
    const isBob = kind === 'deviceId' && value === bob.id
    return success({
      record: {
        enrolled: isAlice || isBob,
        complianceState: isAlice ? 'compliant' : isBob ? 'noncompliant' : 'unknown',
        observedAtMs: clock.nowMs(),
        ...(isAlice && { deviceId: alice.id, macs: [alice.mac] }),
        ...(isBob && { deviceId: bob.id, macs: [bob.mac] }),
      },
      trace: { api: 'compliance-retrieval', status: 200, requestId: 'r-1', durationMs: 1 },
    })
  }
  const clock = new FakeClock()
  const dayMs = 86_400_000
  const freshness = {
    compliantFreshMs: dayMs,
    noncompliantFreshMs: dayMs,
    refreshAheadMs: 0,
    outageHoldMs: dayMs,
  }
  const decided: { matchedBy: string; deviceId: string | undefined }[] = []
  const decide = createDecide({
    cache: new ComplianceCache({ lookup, clock, freshness }),
    policy: defaultPolicy,
    clock,
    deadlineMs: 1000,
    portalUrl: 'https://portal.example',
    retryAfterMs: 1000,
    record: ({ decision }) => {
      decided.push({ matchedBy: decision.matchedBy, deviceId: decision.deviceId })
    },
  })
  const app = createServer({
    logger: keptLogger(),
    decide,
    authenticate: createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
  })
  t.teardown(() => app.close())
  return async (url: string, payload: string | object) => {
    decided.length = 0
    const reply = await app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json' },
    })
    return {
      /** What the answer was made of is Alice's: `deviceId` or `mac` says by which identifier. */
      fromAlice: decided.find(({ deviceId }) => deviceId === alice.id)?.matchedBy,
      admits: reply.statusCode === 200 && reply.json().decision === 'allow',
      accepts: reply.body.includes('"control:Auth-Type":{"op":":=","do_xlat":false,"value":["Accept"]}'),
      status: reply.statusCode,
    }
  }
}

/** Runs a property with each seed, and demands that it was run. */
async function holds<T>(t: Test, property: fc.IAsyncProperty<T>) {
  for (const seed of seeds) {
    const details = await fc.check(property, { numRuns, seed })
    if (details.failed) {
      const again = `FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns} node test/attacks/who-is-it.test.ts`
      t.fail(`again with: ${again}\n${(await fc.asyncDefaultReportMessage(details)) ?? ''}`)
    }
    t.equal(details.numRuns, numRuns, `${details.numRuns} cases with the seed ${seed}`)
  }
}

/** The names that FreeRADIUS sees: up to a NUL, with its escapes read. */
function asSeen(uri: string): string | undefined {
  const made = certificateAttributes({ subject: [], san: [{ uri }] }, '', true)
  return made['TLS-Client-Cert-Subject-Alt-Name-Uri']?.[0]
}

const aliceUri = new RegExp(`^(?:${deviceIdUris(alice.id).join('|')}|(?:ID:[^:]+:)?GUID:?${alice.id})$`, 'i')

/** Whether Alice's id is a URI of this certificate as a whole, or a common name of it. */
function provesAlice({ subject, san = [] }: ChosenNames): boolean {
  const uris = san.flatMap((name) => ('uri' in name ? [asSeen(name.uri) ?? ''] : []))
  if (uris.some((uri) => aliceUri.test(uri))) return true
  return subject.some((part) => {
    const seen = certificateAttributes({ subject: [part] }, '')['TLS-Client-Cert-Common-Name']
    return part.oid === '2.5.4.3' && !part.text.includes('\0') && seen?.[0]?.toLowerCase() === alice.id
  })
}

const mac = fc.constantFrom(bob.mac, bob.mac, alice.mac)
const spelled = fc.constantFrom(
  (text: string) => text,
  (text: string) => text.toLowerCase(),
  (text: string) => (text.match(/../g) ?? []).join('-'),
  (text: string) => (text.match(/..../g) ?? []).join('.').toLowerCase(),
)
const spelledMac = fc.tuple(mac, spelled).map(([value, spell]) => ({ mac: value, written: spell(value) }))
/** What a user types for a name or a password. */
const typed = fc.oneof(
  chosenText,
  fc.tuple(fc.constantFrom(alice.mac, bob.mac), spelled).map(([value, spell]) => spell(value)),
  fc.constantFrom(alice.id, `IntuneDeviceId://${alice.id}`),
)
const octets = (text: string) => Buffer.from(text).toString('latin1')
const section = fc.constantFrom(
  '/v1/radius/authorize',
  '/v1/radius/post-auth',
  '/v1/radius/post-auth?denial=control',
)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const withoutAbsent = (attributes: Readonly<Record<string, readonly string[] | undefined>>): Attributes =>
  Object.fromEntries(Object.entries(attributes).flatMap(([name, value]) => (value ? [[name, value]] : [])))

t.test('in EAP nobody is Alice but by her id as a whole name, or by her MAC', async (t) => {
  const ask = service(t)
  let byMac = 0
  const request = fc.record({
    names: chosenNames,
    listsUris: fc.boolean(),
    from: spelledMac,
    user: typed,
    ssid: typed,
    url: section,
  })
  await holds(
    t,
    fc.asyncProperty(request, async ({ names, listsUris, from, user, ssid, url }) => {
      const body = {
        'User-Name': [octets(user)],
        'Service-Type': ['Framed-User'],
        'Calling-Station-Id': [from.written],
        'Called-Station-Id': [octets(`00-11-22-33-44-55:${ssid}`)],
        'EAP-Message': ['0x020600060d00'],
        'EAP-Type': ['TLS'],
        'TLS-Client-Cert-Expiration': ['271120120000Z'],
        ...certificateAttributes(names, 'Lenient root', listsUris),
      }
      const { fromAlice, admits, accepts } = await ask(url, rlmRestBody(body))
      if (fromAlice === 'mac') byMac += 1
      const isRight =
        fromAlice === undefined ||
        (fromAlice === 'mac' && from.mac === alice.mac) ||
        (fromAlice === 'deviceId' && provesAlice(names))
      return isRight && (!admits || fromAlice !== undefined) && !accepts
    }),
  )
  t.ok(byMac > 0, `and her MAC was tried: ${byMac} times`)
})

t.test('in MAB nobody is Alice but by her MAC, whatever else is in the request', async (t) => {
  const ask = service(t)
  let asAlice = 0
  const request = fc.record({
    from: spelledMac,
    user: maybe(typed),
    password: maybe(typed),
    names: maybe(chosenNames),
    deviceId: maybe(fc.constantFrom(alice.id, `IntuneDeviceId://${alice.id}`, 'x')),
    callCheck: fc.constantFrom('Call-Check', '10'),
    url: section,
  })
  await holds(
    t,
    fc.asyncProperty(request, async ({ from, user, password, names, deviceId, callCheck, url }) => {
      const body = withoutAbsent({
        'Service-Type': [callCheck],
        'Calling-Station-Id': [from.written],
        'User-Name': user === undefined ? undefined : [octets(user)],
        'User-Password': password === undefined ? undefined : [octets(password)],
        'Intune-Device-Id': deviceId === undefined ? undefined : [deviceId],
        ...(names && certificateAttributes(names, 'Lenient root', true)),
      })
      const { fromAlice, admits } = await ask(url, rlmRestBody(body))
      if (fromAlice !== undefined) asAlice += 1
      return from.mac === alice.mac ? fromAlice === 'mac' && admits : fromAlice === undefined && !admits
    }),
  )
  t.ok(asAlice > 0, `and her MAC was tried: ${asAlice} times`)
})

t.test('a log-in is nobody: no user name, password or challenge is ever an answer', async (t) => {
  const ask = service(t)
  const request = fc.record({
    from: maybe(spelledMac),
    user: typed,
    password: maybe(typed),
    challenge: fc.constantFrom(
      {},
      { 'CHAP-Password': ['0x01'] },
      { State: ['0x01'] },
      { 'MS-CHAP2-Response': ['0x01'] },
    ),
    serviceType: fc.constantFrom(
      undefined,
      [''],
      ['Login-User'],
      ['Framed-User'],
      ['1'],
      ['Call-Check', 'Login-User'],
      ['call-check'],
    ),
    portType: fc.constantFrom(undefined, ['Virtual'], ['Ethernet'], ['Wireless-802.11'], ['Async']),
    ssid: typed,
    url: section,
  })
  await holds(
    t,
    fc.asyncProperty(
      request,
      async ({ from, user, password, challenge, serviceType, portType, ssid, url }) => {
        const body = withoutAbsent({
          'User-Name': [octets(user)],
          'User-Password': password === undefined ? undefined : [octets(password)],
          'Service-Type': serviceType,
          'NAS-Port-Type': portType,
          'Calling-Station-Id': from && [from.written],
          'Called-Station-Id': [octets(`00-11-22-33-44-55:${ssid}`)],
          ...challenge,
        })
        const { fromAlice, status, accepts } = await ask(url, rlmRestBody(body))
        return fromAlice === undefined && status === 400 && !accepts
      },
    ),
  )
})

/** How products join the names of a SAN; each name beside it is one that a caller sends by itself. */
const joined = fc.constantFrom(
  (san: readonly SanName[]) =>
    certificateAttributes({ subject: [], san }, '')['TLS-Client-Cert-X509v3-Subject-Alternative-Name'] ?? [],
  (san: readonly SanName[]) => [san.flatMap((name) => ('uri' in name ? [name.uri] : [])).join(',')],
  (san: readonly SanName[]) => san.flatMap((name) => ('uri' in name ? [name.uri] : [])),
  (san: readonly SanName[]) =>
    san.flatMap((name) =>
      'uri' in name
        ? [`URI:${name.uri}`]
        : 'dns' in name
          ? [`DNS:${name.dns}`]
          : 'upn' in name
            ? [`othername: UPN::${name.upn}`]
            : [],
    ),
)
/** In a joined text it cannot be seen what follows the id in the same URI. */
const startsAsAlice = new RegExp(
  `^\\s*(?:UR[IL][:=] *)?(?:${deviceIdUris(alice.id).join('|')})\\s*(?:$|[,;|\\r\\n])`,
  'i',
)

t.test('through the JSON front end a name that only holds her id is not Alice', async (t) => {
  const ask = service(t)
  let unreadable = 0
  const request = fc.record({ names: chosenNames, join: joined, address: maybe(spelledMac) })
  await holds(
    t,
    fc.asyncProperty(request, async ({ names, join, address }) => {
      const san = names.san ?? []
      const body = {
        certificateSan: join(san).map((text) => text.slice(0, 4000)),
        certificateCn: names.subject.filter(({ oid }) => oid === '2.5.4.3').map(({ text }) => String(text)),
        ...(address && { mac: address.written }),
      }
      const { fromAlice } = await ask('/v1/decision', body)
      if (fromAlice === undefined && JSON.stringify(san).includes(alice.id)) unreadable += 1
      const uris = san.flatMap((name) => ('uri' in name ? [name.uri, asSeen(name.uri) ?? ''] : []))
      const isCommonName = body.certificateCn.some((text) => text.trim().toLowerCase() === alice.id)
      return (
        fromAlice === undefined ||
        (fromAlice === 'mac' && address?.mac === alice.mac) ||
        (fromAlice === 'deviceId' && (uris.some((uri) => startsAsAlice.test(uri)) || isCommonName))
      )
    }),
  )
  t.ok(unreadable > 0, `and her id was inside of other names: ${unreadable} times`)
})

t.test("Alice's own laptop is known by its certificate, in every order of the names", async (t) => {
  const ask = service(t)
  const request = fc.record({ names: intuneNames, listsUris: fc.boolean() })
  await holds(
    t,
    fc.asyncProperty(request, async ({ names, listsUris }) => {
      const body = {
        'EAP-Message': ['0x020600060d00'],
        'Calling-Station-Id': [bob.mac],
        'TLS-Client-Cert-Expiration': ['271120120000Z'],
        ...certificateAttributes(names, 'Lenient root', listsUris),
      }
      const radius = await ask('/v1/radius/post-auth', rlmRestBody(body))
      const uris = (names.san ?? []).flatMap((name) => ('uri' in name ? [name.uri] : []))
      const oneByOne = await ask('/v1/decision', { certificateSan: uris })
      const together = await ask('/v1/decision', { certificateSan: uris.join(',') })
      return [radius, oneByOne, together].every(({ fromAlice, admits }) => fromAlice === 'deviceId' && admits)
    }),
  )
  t.ok(sidUri.includes(','), 'the SID with its comma among them')
})
