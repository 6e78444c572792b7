import fc from 'fast-check'
import { type ChosenNames, commonName, organization, type SanName } from './lenient-authority.ts'

/** The compliant device that nobody else may be. */
export const alice = { id: 'a11ce000-0000-4000-8000-000000000001', mac: '005056A11CE0' } as const
/** The device whose user attacks. */
export const bob = { id: 'b0b00000-0000-4000-8000-000000000002', mac: '005056B0B000' } as const

/** Microsoft's URI for strong certificate mapping, as the authority writes it. */
export const sidUri = 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001'

/** The URIs that are a device id. */
export const deviceIdUris = (id: string) => [
  `IntuneDeviceId://${id}`,
  `ID:Microsoft Endpoint Manager:GUID:${id}`,
  `ID:Intune:GUID${id.toUpperCase()}`,
  id,
]

const label = fc.constantFrom(
  'URI:',
  'URL=',
  'DNS:',
  'email:',
  'othername: UPN::',
  'DirName:/CN=',
  'CN=',
  'CN = ',
  '',
)
const separator = fc.constantFrom(
  ', ',
  ',',
  ';',
  '|',
  '\n',
  '\r\n',
  '/',
  '+',
  '\\054 ',
  '\\054\\040',
  '\\n',
  ' ',
  '',
)
const plain = fc.constantFrom(
  'x',
  'y',
  'bob',
  'laptop-01.corp.example',
  'bob@corp.example',
  'Bobs phone',
  'jürgen',
  '',
)
const ending = fc.constantFrom(
  '',
  '',
  '',
  '\\',
  '\\\\',
  '\0',
  ', DNS:x',
  ', DNS:y\\',
  ', URI:z',
  '@corp.example',
  '"',
  '/',
)
const longText = fc
  .tuple(fc.constantFrom('x', 'x, DNS:y', '\\054 ', 'é'), fc.integer({ min: 1, max: 1200 }))
  // rlm_rest posts nothing of a value that is longer than its chunk, at six octets for each one that is not ASCII.
  .map(([part, length]) => part.repeat(length).slice(0, part === 'é' ? length / 4 : length))

/** A text in which the id of Alice stands somewhere, and around it whatever has ended a name somewhere. */
const trap = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 9, arbitrary: plain }, { weight: 1, arbitrary: longText }),
      separator,
      label,
      fc.constantFrom(...deviceIdUris(alice.id), ...deviceIdUris(bob.id), 'z', sidUri),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((parts) => ending.map((last) => `${parts.map((part) => part.join('')).join(', ')}${last}`))

/** The plainest of them: what OpenSSL prints of two names, in one. */
const twoInOne = fc
  .tuple(
    fc.constantFrom('x', 'y', 'https://portal.example/', 'bob@corp.example', ''),
    fc.constantFrom(', URI:', ',URI:', '\\054 URI:', '\nURI:'),
    fc.constantFrom(...deviceIdUris(alice.id)),
    fc.constantFrom('', '', ', DNS:x', ', DNS:y', ', DNS:z\\', ', email:x', ', URI:z', '@corp.example'),
  )
  .map((parts) => parts.join(''))

const octal = (text: string) =>
  [...text].map((character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`).join('')

/**
 * One name that is several by its escapes, longer than the buffer of FreeRADIUS, which drops it from its list for the
 * backslash; and behind the cut the names that the list has to have for what is seen of it.
 */
const hiddenByTheCut: fc.Arbitrary<SanName[]> = fc
  .record({
    name: fc.constantFrom('x', 'laptop-01'),
    uri: fc.constantFrom(...deviceIdUris(alice.id)),
    others: fc.integer({ min: 0, max: 8 }),
    fixed: fc.constantFrom(', IP Address:', ', Registered ID:', `, URI:${sidUri}`, ', URI:'),
    length: fc.integer({ min: 80, max: 260 }),
    spelled: fc.constantFrom('all', 'tail', 'nothing'),
  })
  .map(({ name, uri, others, fixed, length, spelled }) => {
    const head = `${name}, URI:${uri}`
    const tail = `${', DNS:y'.repeat(others)}${fixed}${'1'.repeat(length)}`
    const dns =
      spelled === 'all' ? octal(`${head}${tail}`) : `${head}${spelled === 'tail' ? octal(tail) : tail}`
    return [{ dns: `${dns}\\` }, { dns: name }, ...Array.from({ length: others }, () => ({ dns: 'y' }))]
  })

/** What a user may choose for a name that is a text. */
export const chosenText = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 4, arbitrary: twoInOne },
  { weight: 4, arbitrary: trap },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 30 }) },
  { weight: 1, arbitrary: longText },
)

/** Also the whole id of Alice, by an authority that gives names to anybody. */
const chosenUri = fc
  .oneof(
    { weight: 8, arbitrary: chosenText },
    { weight: 1, arbitrary: fc.constantFrom(...deviceIdUris(alice.id)) },
    { weight: 3, arbitrary: fc.constantFrom(...deviceIdUris(bob.id)) },
  )
  // Whoever may choose a SID may be anybody in Windows as well: only the authority writes these.
  .filter((uri) => !/tag:microsoft/i.test(uri.slice(0, 20)))

const chosenName: fc.Arbitrary<SanName> = fc.oneof(
  fc.constantFrom<SanName>({ dns: 'x' }, { dns: 'y' }, { email: 'x' }, { upn: 'bob@corp.example' }),
  chosenText.map((dns) => ({ dns })),
  chosenText.map((email) => ({ email })),
  chosenText.map((upn) => ({ upn })),
  chosenUri.map((uri) => ({ uri })),
  fc.constant({ uri: sidUri }),
  chosenText.map((text) => ({ directory: text.slice(0, 120).toWellFormed() })),
  chosenText.map((text) => ({ other: ['1.2.3.4.5', text] as const })),
  fc.constantFrom<SanName>(
    { ip: [10, 0, 0, 1] },
    { ip: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] },
    { ip: [10] },
    { registeredId: '1.2.3.4' },
  ),
)

const chosenCommonName = fc.oneof(
  chosenText.map((text) => text.slice(0, 300)),
  fc.constantFrom(
    alice.id,
    alice.id.toUpperCase(),
    `${alice.id} `,
    `${alice.id}\0x`,
    `\\141${alice.id.slice(1)}`,
  ),
)

/** The names of a certificate of an authority that signs what it is given. */
export const chosenNames: fc.Arbitrary<ChosenNames> = fc.record({
  subject: fc.array(
    fc.oneof(
      chosenCommonName.map((text) => commonName(text)),
      fc.constant(organization('Org')),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  san: fc.oneof(
    { weight: 5, arbitrary: fc.array(chosenName, { maxLength: 5 }) },
    { weight: 1, arbitrary: hiddenByTheCut },
  ),
  extensionsBefore: fc.constantFrom([], [['2.16.840.1.113730.1.13', 'c'] as const]),
  extensionsAfter: fc.constantFrom(
    [],
    [['2.16.840.1.113730.1.13', 'c'] as const],
    [['1.2.3.4.5.6', 'c'] as const],
  ),
})

/** What Intune's profiles make for Alice's laptop, in any order. */
export const intuneNames: fc.Arbitrary<ChosenNames> = fc
  .tuple(fc.constantFrom(...deviceIdUris(alice.id)), fc.subarray([0, 1, 2, 3, 4], { minLength: 0 }))
  .chain(([uri, kept]) => {
    const others: SanName[] = [
      { uri: sidUri },
      { dns: 'laptop-01.corp.example' },
      { dns: 'laptop-01' },
      { upn: "jürgen.o'brien@corp.example" },
      { email: 'alice@corp.example' },
    ]
    const names = [{ uri }, ...kept.map((index) => others[index] as SanName)]
    return fc
      .shuffledSubarray(names, { minLength: names.length })
      .map((san) => ({ subject: [organization('Corp'), commonName('laptop-01')], san }))
  })
