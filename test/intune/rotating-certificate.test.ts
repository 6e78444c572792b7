import { renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { failure, type Outcome, success } from '../../src/errors/fault.ts'
import { ClientCertificate, loadClientCertificate } from '../../src/intune/client-certificate.ts'
import { followCertificate } from '../../src/intune/follow-certificate.ts'
import type { HttpRequest } from '../../src/intune/outbound.ts'
import { type CertificateEvent, RotatingCertificate } from '../../src/intune/rotating-certificate.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { replaceByUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'
import {
  byDeviceId,
  byMac,
  compliantId,
  compliantMac,
  simulateIntune,
  waitUntil,
} from './simulated-intune.ts'

const first = await createSelfSignedCertificate({ commonName: 'first' })
const second = await createSelfSignedCertificate({ commonName: 'second' })
const third = await createSelfSignedCertificate({ commonName: 'third' })
type Pair = typeof first

/** A certificate that follows its files, and an Entra ID that accepts what a test says. */
function follow(t: Test, initial?: (loaded: ClientCertificate) => ClientCertificate) {
  const directory = t.testdir({ 'app.pem': first.certificatePem, 'app.key': first.privateKeyPem })
  const files = { certificateFile: join(directory, 'app.pem'), privateKeyFile: join(directory, 'app.key') }
  const loaded = loadClientCertificate(files)
  if (!loaded.ok) throw new Error(loaded.fault.message)
  const clock = new FakeClock(Date.now())
  const events: CertificateEvent[] = []
  const tried: string[] = []
  let answer: Outcome<unknown> = success('a token')
  const rotation = new RotatingCertificate({
    files,
    initial: initial ? initial(loaded.value) : loaded.value,
    clock,
    tryOut: async (certificate) => {
      tried.push(certificate.subject)
      return answer
    },
    onEvent: (event) => events.push(event),
  })
  rotation.watch()
  t.teardown(() => rotation.close())
  return {
    ...files,
    clock,
    events,
    tried,
    rotation,
    subject: () => rotation.current().subject,
    kinds: () => events.map(({ kind }) => kind),
    entraSays(next: Outcome<unknown>) {
      answer = next
    },
    write({ certificatePem, privateKeyPem }: Pair) {
      writeFileSync(files.certificateFile, certificatePem)
      writeFileSync(files.privateKeyFile, privateKeyPem)
    },
  }
}

const notKnown = failure('entra_certificate_not_registered', 'login.example answered 401 (AADSTS700027)')

t.test('a new pair is taken up within 30 seconds, once Entra ID has accepted it', async (t) => {
  const { clock, write, subject, kinds, tried, rotation } = follow(t)
  await clock.advance(60_000)
  t.same(tried, [], 'nothing happens while the files stay as they are')
  write(second)
  t.equal(subject(), 'CN=first')
  await clock.advance(30_000)
  t.equal(subject(), 'CN=second')
  t.same(kinds(), ['loaded', 'in_use'])
  t.same(tried, ['CN=second'])
  t.match(rotation.status(), { inUse: { subject: 'CN=second' }, pending: undefined, filesFault: undefined })
  t.notMatch(JSON.stringify(rotation.status()), /PRIVATE/, 'the status holds no key')
})

t.test('files that are replaced by renaming or by a symbolic link are noticed too', async (t) => {
  const { clock, certificateFile, privateKeyFile, subject } = follow(t)
  writeFileSync(`${certificateFile}.new`, second.certificatePem)
  writeFileSync(`${privateKeyFile}.new`, second.privateKeyPem)
  renameSync(`${certificateFile}.new`, certificateFile)
  renameSync(`${privateKeyFile}.new`, privateKeyFile)
  await clock.advance(10_000)
  t.equal(subject(), 'CN=second', 'renamed')
  writeFileSync(`${certificateFile}.third`, third.certificatePem)
  writeFileSync(`${privateKeyFile}.third`, third.privateKeyPem)
  rmSync(certificateFile)
  rmSync(privateKeyFile)
  symlinkSync(`${certificateFile}.third`, certificateFile)
  symlinkSync(`${privateKeyFile}.third`, privateKeyFile)
  await clock.advance(10_000)
  t.equal(subject(), 'CN=third', 'linked')
})

t.test('what is no file is refused, the old pair stays, and a file that is back counts', async (t) => {
  for (const which of ['certificateFile', 'privateKeyFile'] as const) {
    const followed = follow(t)
    const { clock, events, kinds, subject, rotation } = followed
    for (const kind of Object.keys(unusualKinds) as UnusualKind[]) {
      await replaceByUnusual(t, followed[which], kind)
      await clock.advance(10_000)
      t.match(events.at(-1), { kind: 'files_refused', fault: { message: unusualKinds[kind] } }, kind)
      t.match(rotation.status(), { inUse: { subject: 'CN=first' } })
      rmSync(followed[which], { recursive: true })
      followed.write(first)
      await clock.advance(10_000)
      t.equal(rotation.status().filesFault, undefined, `after ${kind}`)
    }
    followed.write(second)
    await clock.advance(10_000)
    t.equal(subject(), 'CN=second')
    t.equal(kinds().filter((kind) => kind === 'files_refused').length, 5, 'each once')
  }
})

t.test('a pair that is half written is waited for, and not reported', async (t) => {
  const { clock, certificateFile, privateKeyFile, subject, kinds } = follow(t)
  writeFileSync(certificateFile, second.certificatePem)
  await clock.advance(4000)
  t.same(kinds(), [], 'a certificate whose key is still on its way')
  writeFileSync(privateKeyFile, second.privateKeyPem)
  await clock.advance(10_000)
  t.equal(subject(), 'CN=second')
  t.same(kinds(), ['loaded', 'in_use'])
})

t.test('a bad pair that is touched again and again is reported within ten seconds, and once', async (t) => {
  const { clock, certificateFile, privateKeyFile, subject, kinds } = follow(t)
  const touch = async (seconds: number) => {
    for (let step = 0; step < seconds * 5; step += 1) {
      utimesSync(certificateFile, step, step)
      await clock.advance(200)
    }
  }
  writeFileSync(certificateFile, second.certificatePem)
  await touch(10)
  t.same(kinds(), ['files_refused'])
  await touch(60)
  t.same(kinds(), ['files_refused'], 'it is the same mistake')
  writeFileSync(privateKeyFile, second.privateKeyPem)
  await touch(10)
  t.equal(subject(), 'CN=second', 'and a good pair is taken, however often it is touched')
})

t.test('a bad pair is refused and reported once, and the old one stays in use', async (t) => {
  const cases: [string, string | null, string | null, string][] = [
    ['a key of another certificate', second.certificatePem, third.privateKeyPem, 'certificate_key_mismatch'],
    ['no certificate', 'nothing', second.privateKeyPem, 'certificate_unreadable'],
    ['no key', second.certificatePem, 'nothing', 'private_key_unreadable'],
    ['a file that is gone', null, first.privateKeyPem, 'certificate_unreadable'],
  ]
  for (const [name, certificate, key, code] of cases) {
    const { clock, certificateFile, privateKeyFile, subject, events, rotation, tried, write } = follow(t)
    rmSync(certificateFile)
    if (certificate !== null) writeFileSync(certificateFile, certificate)
    if (key !== null) writeFileSync(privateKeyFile, key)
    await clock.advance(60_000)
    t.equal(subject(), 'CN=first', name)
    t.match(events, [{ kind: 'files_refused', fault: { code } }], `${name} is reported`)
    t.equal(events.length, 1, 'once')
    t.same(tried, [], 'and never shown to Entra ID')
    t.match(rotation.status(), { filesFault: { code } })
    write(second)
    await clock.advance(20_000)
    t.equal(subject(), 'CN=second', 'a good pair repairs it')
    t.notOk(rotation.status().filesFault)
  }
})

t.test('while Entra ID does not know the new certificate the old one stays in use', async (t) => {
  const { clock, write, entraSays, subject, kinds, tried, rotation } = follow(t)
  entraSays(notKnown)
  write(second)
  await clock.advance(10_000)
  t.equal(subject(), 'CN=first')
  t.match(rotation.status(), {
    inUse: { subject: 'CN=first' },
    pending: { subject: 'CN=second' },
    trialFault: { code: 'entra_certificate_not_registered' },
  })
  await clock.advance(180_000)
  t.equal(tried.length, 4, 'it is tried again every minute')
  entraSays(success('a token'))
  await clock.advance(60_000)
  t.equal(subject(), 'CN=second', 'and used as soon as it is accepted')
  t.same([...new Set(kinds())], ['loaded', 'not_accepted', 'in_use'])
  t.notOk(rotation.status().trialFault)
})

t.test('a pending certificate gives way to a newer one, or to the old one put back', async (t) => {
  const { clock, write, entraSays, subject, tried, rotation } = follow(t)
  entraSays(notKnown)
  write(second)
  await clock.advance(10_000)
  write(third)
  await clock.advance(10_000)
  t.match(rotation.status(), { pending: { subject: 'CN=third' } })
  write(first)
  await clock.advance(10_000)
  t.notOk(rotation.status().pending, 'nothing is pending any more')
  entraSays(success('a token'))
  await clock.advance(120_000)
  t.equal(subject(), 'CN=first')
  t.same(tried, ['CN=second', 'CN=third'])
})

t.test('a certificate that was replaced during its trial is not taken up', async (t) => {
  const directory = t.testdir({ 'app.pem': first.certificatePem, 'app.key': first.privateKeyPem })
  const files = { certificateFile: join(directory, 'app.pem'), privateKeyFile: join(directory, 'app.key') }
  const loaded = loadClientCertificate(files)
  if (!loaded.ok) return t.fail(loaded.fault.message)
  const answers: ((outcome: Outcome<unknown>) => void)[] = []
  const rotation = new RotatingCertificate({
    files,
    initial: loaded.value,
    clock: new FakeClock(Date.now()),
    tryOut: () => new Promise((resolve) => answers.push(resolve)),
    onEvent: () => {},
  })
  writeFileSync(files.certificateFile, second.certificatePem)
  writeFileSync(files.privateKeyFile, second.privateKeyPem)
  rotation.poll()
  rotation.poll()
  t.equal(answers.length, 1, 'one trial at a time')
  writeFileSync(files.certificateFile, third.certificatePem)
  writeFileSync(files.privateKeyFile, third.privateKeyPem)
  rotation.poll()
  answers[0]?.(success('a token'))
  await settle()
  t.equal(rotation.current().subject, 'CN=first', 'the files hold another one by now')
  rotation.poll()
  answers[1]?.(success('a token'))
  await settle()
  t.equal(rotation.current().subject, 'CN=third')
})

t.test('an expired certificate is replaced without waiting for Entra ID', async (t) => {
  const expired = (loaded: ClientCertificate) =>
    new ClientCertificate({ ...loaded, notAfterMs: Date.now() - 1000 }, loaded.privateKeyPem)
  const { clock, write, entraSays, subject } = follow(t, expired)
  entraSays(notKnown)
  write(second)
  await clock.advance(10_000)
  t.equal(subject(), 'CN=second')
})

t.test('closing ends the watch', async (t) => {
  const { clock, write, subject, rotation } = follow(t)
  rotation.close()
  write(second)
  await clock.advance(60_000)
  t.equal(subject(), 'CN=first')
  t.equal(clock.pendingTimers, 0)
})

t.test('a rotation against a strict Entra ID under load fails no look-up', async (t) => {
  const intune = await simulateIntune(t)
  const { simulator, settings, clock, outbound } = intune
  const { tenant } = simulator
  const [app] = tenant.listApps()
  if (!app) return t.fail('an app is registered')
  // Tokens that live for seconds: every look-up of the test is near a token request.
  tenant.setVariants({ accessTokenLifetimeSeconds: 20 })
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  // The clock of the test runs on while a token request is on its way over real sockets.
  const patient = {
    ...outbound,
    send: (request: HttpRequest) => outbound.send({ ...request, timeoutMs: 1e8 }),
  }
  const rotation = followCertificate(settings, intune.certificate, { clock, logger, outbound: patient })
  t.teardown(() => rotation.close())
  rotation.watch()
  const { lookup } = intune.again({ certificate: () => rotation.current(), outbound: patient })
  const outcomes: boolean[] = []
  const load = async () => {
    const asked = [1, 2, 3, 4].map((i) => lookup(i % 2 === 0 ? byDeviceId(compliantId) : byMac(compliantMac)))
    for (const answer of await Promise.all(asked)) outcomes.push(answer.ok)
  }
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 5) {
      await load()
      await clock.advance(5000)
    }
  }
  const used = () =>
    new Set(tenant.requests('token').map(({ assertion }) => String(assertion?.header['x5t#S256'])))

  await pass(20)
  writeFileSync(settings.certificateFile, second.certificatePem)
  await load()
  writeFileSync(settings.privateKeyFile, second.privateKeyPem)
  await pass(40)
  await waitUntil(() => rotation.status().trialFault !== undefined)
  t.match(rotation.status(), { trialFault: { code: 'entra_certificate_not_registered' } }, 'not uploaded yet')
  tenant.registerApp({ ...app, certificatesPem: [...app.certificatesPem, second.certificatePem] })
  await pass(80)
  await waitUntil(() => rotation.status().pending === undefined)
  t.equal(rotation.current().subject, 'CN=second', 'taken up after the upload')
  tenant.registerApp({ ...app, certificatesPem: [second.certificatePem] })
  tenant.clearRequests()
  await pass(60)
  t.equal(used().size, 1, 'only the new certificate is used, and the old one can go')
  writeFileSync(settings.privateKeyFile, 'broken')
  await pass(40)
  t.match(rotation.status(), { filesFault: { code: 'private_key_unreadable' } })
  t.ok(outcomes.length > 150, `${outcomes.length} look-ups`)
  t.equal(outcomes.filter((ok) => !ok).length, 0, 'none of them failed')
  t.match(
    lines.map((line) => JSON.parse(line).msg),
    [
      'a new certificate was found and is being tried out',
      'the new certificate is not accepted yet, the old one stays in use',
    ],
  )
  t.match(lines.join(''), /"msg":"the new certificate is in use"/)
  t.match(lines.join(''), /the new certificate files cannot be used, the old pair stays in use/)
  t.notMatch(lines.join(''), /PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/]{16}/, 'no key is in the log')
})
