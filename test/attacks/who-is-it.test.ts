import fc from 'fast-check'
import t from 'tap'
import { aliceService, holds } from './alice-service.ts'
import { alice, bob, chosenNames, chosenText, deviceIdUris, intuneNames, sidUri } from './chosen-names.ts'
import { type Attributes, certificateAttributes, rlmRestBody } from './freeradius-model.ts'
import type { ChosenNames, SanName } from './lenient-authority.ts'

t.setTimeout(0)

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

t.test('in EAP nobody is Alice but by her id as a whole name, or by her MAC', { timeout: 0 }, async (t) => {
  const ask = aliceService(t)
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

t.test(
  'in MAB nobody is Alice but by her MAC, whatever else is in the request',
  { timeout: 0 },
  async (t) => {
    const ask = aliceService(t)
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
  },
)

t.test(
  'a log-in is nobody: no user name, password or challenge is ever an answer',
  { timeout: 0 },
  async (t) => {
    const ask = aliceService(t)
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
  },
)

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

t.test('through the JSON front end a name that only holds her id is not Alice', { timeout: 0 }, async (t) => {
  const ask = aliceService(t)
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

t.test(
  "Alice's own laptop is known by its certificate, in every order of the names",
  { timeout: 0 },
  async (t) => {
    const ask = aliceService(t)
    const request = fc.record({ names: intuneNames, listsUris: fc.boolean() })
    await holds(
      t,
      fc.asyncProperty(request, async ({ names, listsUris }) => {
        const made = certificateAttributes(names, 'Lenient root', listsUris)
        const body = {
          'EAP-Message': ['0x020600060d00'],
          'Calling-Station-Id': [bob.mac],
          'TLS-Client-Cert-Expiration': ['271120120000Z'],
          ...made,
        }
        const [text = ''] = made['TLS-Client-Cert-X509v3-Subject-Alternative-Name'] ?? []
        const isFirst = /^(?:URI:tag:\S+ )?URI:(?!tag:)/.test(text)
        const isRead = listsUris || isFirst || text.length < 256
        const radius = await ask('/v1/radius/post-auth', rlmRestBody(body))
        const uris = (names.san ?? []).flatMap((name) => ('uri' in name ? [name.uri] : []))
        const oneByOne = await ask('/v1/decision', { certificateSan: uris })
        const together = await ask('/v1/decision', { certificateSan: uris.join(',') })
        return [...(isRead ? [radius] : []), oneByOne, together].every(
          ({ fromAlice, admits }) => fromAlice === 'deviceId' && admits,
        )
      }),
    )
    t.ok(sidUri.includes(','), 'the SID with its comma among them')
  },
)
