import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { simulatedService } from './simulated-service.ts'

const [first, second] = await Promise.all(
  ['2030-01-01', '2031-01-01'].map((notAfter) =>
    createSelfSignedCertificate({ commonName: 'nac.example', notAfter: new Date(notAfter) }),
  ),
)
if (!first || !second) throw new Error('no certificates')

t.test('the gauges follow the files that are replaced while the service runs', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nac-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = (name: string) => join(directory, name)
  const write = (name: string, text: string) => writeFileSync(file(name), text)
  write('tls.pem', first.certificatePem)
  write('tls.key', first.privateKeyPem)
  write('policy.yaml', 'rules: []')
  const clock = new FakeClock()
  const { app, built } = await simulatedService(t, {
    overrides: { clock },
    environment: {
      SERVICE_TLS_CERTIFICATE_FILE: file('tls.pem'),
      SERVICE_TLS_PRIVATE_KEY_FILE: file('tls.key'),
      POLICY_FILE: file('policy.yaml'),
    },
  })
  if (!app) throw new Error(JSON.stringify(built))
  const exposed = async () => (await app.management.inject('/metrics')).body
  const sampleOf = async (sample: string) => {
    const line = (await exposed()).split('\n').find((text) => text.startsWith(`${sample} `))
    return Number(line?.slice(sample.length + 1))
  }
  /** Lets simulated time pass for as long as it takes: the files are read in real time. */
  const reaches = async (sample: string, value: number) => {
    while ((await sampleOf(sample)) !== value) {
      await clock.advance(1000)
      await settle()
    }
    t.equal(await sampleOf(sample), value, sample)
  }
  const expiry = 'nac_service_tls_certificate_expiry_timestamp_seconds'
  await reaches(expiry, Date.parse('2030-01-01') / 1000)
  t.equal(await sampleOf('nac_refused_files{file="service_tls"}'), 0)

  write('tls.pem', second.certificatePem)
  await reaches('nac_refused_files{file="service_tls"}', 1)
  await reaches(expiry, Date.parse('2030-01-01') / 1000)
  write('tls.key', second.privateKeyPem)
  await reaches(expiry, Date.parse('2031-01-01') / 1000)
  await reaches('nac_refused_files{file="service_tls"}', 0)

  write('policy.yaml', 'rules: nonsense')
  await reaches('nac_refused_files{file="policy"}', 1)
  write('policy.yaml', 'rules: []')
  await reaches('nac_refused_files{file="policy"}', 0)
  t.equal(await sampleOf('nac_refused_files{file="clients"}'), 0)
  t.equal(await sampleOf('nac_ready'), 1)
})

t.test('a decision log that cannot be written is seen, and seen to be written again', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nac-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'decisions.log')
  const { app, built, ask } = await simulatedService(t, {
    environment: { DECISION_LOG_FILE: file, DECISION_LOG_MAX_BYTES: '100000', DECISION_LOG_KEEP_FILES: '1' },
  })
  if (!app) throw new Error(JSON.stringify(built))
  await app.listen()
  const exposed = async () => (await app.management.inject('/metrics')).body
  const until = async (text: RegExp) => {
    while (!text.test(await exposed())) await new Promise((resolve) => setTimeout(resolve, 20))
    t.pass(String(text))
  }
  t.match(await exposed(), /^nac_decision_log_failing 0$/m)
  await until(/^nac_decision_log_pending_bytes 0$/m)
  // A directory where the file should be, at the next rotation.
  mkdirSync(`${file}.1`)
  writeFileSync(join(`${file}.1`, 'in-the-way'), '')
  for (let count = 0; count < 400; count += 1) await ask({ mac: 'DA-A1-19-00-00-01' })
  await until(/^nac_decision_log_failing 1$/m)
  t.match(await exposed(), /^nac_decision_log_pending_bytes [1-9]\d*$/m)
  rmSync(join(`${file}.1`, 'in-the-way'))
  rmdirSync(`${file}.1`)
  await until(/^nac_decision_log_failing 0$/m)
  t.match(await exposed(), /^nac_decision_log_lost_lines_total 0$/m)
})
