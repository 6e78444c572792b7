import t from 'tap'
import {
  type CertificateNames,
  readCertificateNames,
  readCertificateTexts,
} from '../../src/identity/certificate-names.ts'

const alice = 'a11ce000-0000-4000-8000-000000000001'
const bob = 'b0b00000-0000-4000-8000-000000000002'
const san = `URI:IntuneDeviceId://${alice}`

t.test('where the URIs are given one by one, nothing else of the SAN counts', async (t) => {
  const sanTexts = [san]
  const sidUri = 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001'
  const given = readCertificateNames({ uris: [sidUri, `IntuneDeviceId://${bob}`], sanTexts })
  t.match(given, { sanIds: [bob], doubtfulSanIds: [], unreadable: [] })
  const inside = readCertificateNames({ uris: [`x, URI:IntuneDeviceId://${alice}`], sanTexts })
  t.match(inside, { sanIds: [], doubtfulSanIds: [], unreadable: [], given: ['certificateSan'] })
  t.match(readCertificateNames({ uris: [], sanTexts }).sanIds, [alice], 'without any, the text counts')
  const two = readCertificateNames({ uris: [alice, `GUID:${bob}`, `IntuneDeviceId://${alice}`] })
  t.strictSame(two.sanIds, [alice, bob], 'two are two, marked or bare')
})

t.test('several texts for one SAN are not believed', async (t) => {
  t.match(
    readCertificateNames({ sanTexts: [san, san] }),
    { sanIds: [alice], unreadable: [] },
    'but the same twice',
  )
  const overrun = readCertificateNames({ sanTexts: [`DNS:${'x'.repeat(1019)}`, `${san}, DNS:x`] })
  t.match(overrun, { sanIds: [], doubtfulSanIds: [alice], unreadable: ['certificateSan'] })
})

t.test('a common name is a device id only as a whole', async (t) => {
  const read = (...commonNames: string[]) => readCertificateNames({ commonNames })
  t.match(read(alice.toUpperCase()), { commonNameId: alice, unreadable: [] })
  t.match(read(alice, alice), { commonNameId: alice })
  const doubtful = [
    [`Bobs phone/CN=${alice}`],
    [`CN=${alice}`],
    [`CN = ${alice}`],
    [`CN=${alice},O=Example`],
    [`/CN=${alice}/O=Example`],
    [`Bob,CN=${alice}`],
    [`Bob+CN=${alice}`],
    ['Bobs phone', alice],
    [alice, bob],
  ]
  for (const names of doubtful) {
    t.match(read(...names), { commonNameId: undefined, unreadable: ['certificateCn'] }, names.join(' and '))
  }
  const nothing = [
    `${alice} `,
    `${alice}\n`,
    `x${alice}`,
    `{${alice}}`,
    'Bobs phone',
    '00000000-0000-0000-0000-000000000000',
  ]
  for (const name of nothing) {
    t.match(read(name), { commonNameId: undefined, unreadable: [] }, JSON.stringify(name))
  }
})

t.test('the subject has the last word on the common name', async (t) => {
  const read = (...subjects: string[]) => readCertificateNames({ commonNames: [alice], subjects })
  for (const subject of [`/CN=${alice}`, `/O=Example/CN=${alice}`, `/CN=${alice}/emailAddress=x`]) {
    t.equal(read(subject).commonNameId, alice, subject)
  }
  const subjects = [
    ['/O=Example'],
    ['/CN=Bob'],
    [`/CN=${alice}\\x00.bob`],
    [`/CN=${alice}/CN=Bob`],
    [`/CN=Bob/CN=${alice}`],
    [`/O=x/CN=y/CN=${alice}`],
    [`/CN=Bob\\/CN=${alice}`],
    [`/CN=${alice}`, '/CN=Bob'],
  ]
  for (const given of subjects) {
    t.match(read(...given), { commonNameId: undefined, unreadable: ['certificateCn'] }, given.join(' and '))
  }
})

t.test('texts of a caller are each read by themselves', async (t) => {
  const one = readCertificateTexts(
    ['DNS:laptop', san, 'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1'],
    [` ${bob} `],
  )
  t.match(one, {
    sanIds: [alice],
    commonNameId: bob,
    unreadable: [],
    given: ['certificateSan', 'certificateCn'],
  })
  const hidden = readCertificateTexts([`DNS:x, ${san}`], [`CN=${bob}`])
  t.match(hidden, {
    sanIds: [],
    doubtfulSanIds: [alice],
    commonNameId: undefined,
    unreadable: ['certificateSan', 'certificateCn'],
  })
  t.strictSame(
    readCertificateTexts([`DNS:x, ${san}`, san], []),
    {
      sanIds: [alice],
      doubtfulSanIds: [],
      commonNameId: undefined,
      given: ['certificateSan'],
      unreadable: ['certificateSan'],
    },
    'an id that counts is not also in doubt',
  )
})

t.test('a reading has what the certificate shows and nothing else', async (t) => {
  const nothing = { sanIds: [], doubtfulSanIds: [], commonNameId: undefined, given: [], unreadable: [] }
  const sanAlone = { ...nothing, given: ['certificateSan'] }
  const overrun = [`DNS:x, ${san}`, `DNS:y, ${san}`]
  const rows: readonly { case: string; names: CertificateNames; reading: object }[] = [
    { case: 'no name at all', names: {}, reading: nothing },
    { case: 'lists without names', names: { uris: [], sanTexts: [], commonNames: [] }, reading: nothing },
    { case: 'a URI', names: { uris: [alice] }, reading: { ...sanAlone, sanIds: [alice] } },
    { case: 'a SAN', names: { sanTexts: [san] }, reading: { ...sanAlone, sanIds: [alice] } },
    {
      case: 'a common name',
      names: { commonNames: [bob] },
      reading: { ...nothing, commonNameId: bob, given: ['certificateCn'] },
    },
    {
      case: 'a subject without a common name',
      names: { subjects: ['/CN=undefined'] },
      reading: nothing,
    },
    {
      case: 'a SAN that an overlong name ran over',
      names: { sanTexts: overrun },
      reading: { ...sanAlone, doubtfulSanIds: [alice], unreadable: ['certificateSan'] },
    },
  ]
  for (const { case: title, names, reading } of rows) {
    t.strictSame(readCertificateNames(names), reading, title)
  }
})

t.test('a name that arrives empty is lost: it may have been a device id', async (t) => {
  const sanLost = {
    sanIds: [],
    doubtfulSanIds: [],
    commonNameId: undefined,
    given: ['certificateSan'],
    unreadable: ['certificateSan'],
  }
  t.strictSame(readCertificateNames({ sanTexts: [''] }), sanLost, 'the SAN')
  t.strictSame(readCertificateNames({ sanTexts: ['', ''] }), sanLost, 'the SAN, twice')
  t.strictSame(readCertificateNames({ uris: [''] }), sanLost, 'the only URI')
  t.strictSame(
    readCertificateNames({ uris: [`IntuneDeviceId://${bob}`, ''] }),
    { ...sanLost, sanIds: [bob] },
    'one URI of two',
  )
  const commonNameLost = { ...sanLost, given: ['certificateCn'], unreadable: ['certificateCn'] }
  t.strictSame(readCertificateNames({ commonNames: [''] }), commonNameLost, 'the common name')
})
