import { renameSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { clientId, laptop, simulatedService } from './simulated-service.ts'

/** Writes beside and renames, as a secret store does. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

t.test('a certificate that is replaced under load costs not one decision', async (t) => {
  const clock = new FakeClock(Date.now())
  const service = await simulatedService(t, { simulator: { clock }, overrides: { clock } })
  const { app, simulator, environment, pair } = service
  if (!app) throw new Error('the service was not built')
  await app.listen()
  const next = await createSelfSignedCertificate({ commonName: 'next year' })
  const wrong: unknown[] = []
  let asked = 0
  const askFor = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 2) {
      // Two at a time: one that has to be asked upstream and one that may be remembered.
      const answers = await Promise.all([
        service.ask({ deviceId: laptop.deviceId, refresh: 'true' }),
        service.ask({ mac: laptop.mac }),
      ])
      asked += answers.length
      wrong.push(...answers.filter((answer) => answer.decision !== 'allow' || answer.stale === true))
      await clock.advance(2000)
    }
  }
  // MSAL signs with the machine's own time, so everything has to happen within Entra's five minutes.
  simulator.tenant.setVariants({ accessTokenLifetimeSeconds: 40 })
  await askFor(10)
  const before = app.certificateStatus().inUse
  replaceFile(environment.INTUNE_CERTIFICATE_FILE, next.certificatePem)
  replaceFile(environment.INTUNE_PRIVATE_KEY_FILE, next.privateKeyPem)
  await askFor(120)
  t.equal(
    app.certificateStatus().inUse.thumbprintSha256,
    before.thumbprintSha256,
    'Entra does not know it yet',
  )
  simulator.tenant.registerApp({ clientId, certificatesPem: [pair.certificatePem, next.certificatePem] })
  await askFor(120)
  t.not(
    app.certificateStatus().inUse.thumbprintSha256,
    before.thumbprintSha256,
    'taken up once Entra knows it',
  )
  simulator.tenant.registerApp({ clientId, certificatesPem: [next.certificatePem] })
  // Longer than the life of the last token that the old certificate got.
  await askFor(50)
  replaceFile(environment.INTUNE_CERTIFICATE_FILE, pair.certificatePem)
  await askFor(40)
  t.match(
    app.certificateStatus(),
    { inUse: { subject: /next year/ } },
    'a pair that does not match is refused',
  )
  t.same(wrong, [], `of ${asked} decisions none failed`)
  t.ok(asked > 200, `${asked} decisions were asked for`)
})
