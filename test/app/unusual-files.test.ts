import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { replaceByUnusual, type UnusualKind, unusualKinds } from '../fakes/unusual-file.ts'
import { laptop, simulatedService } from './simulated-service.ts'

const passwordHash = await hashSecret('a secret of a client')
const clientsOf = (...names: string[]) =>
  JSON.stringify({ clients: names.map((name) => ({ name, basic: { username: name, passwordHash } })) })

/** The service with every file followed, and a clock that is moved on until the files have been looked at. */
async function service(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'unusual-files-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new FakeClock(Date.now())
  const files = { CLIENTS_FILE: join(directory, 'clients.yaml'), POLICY_FILE: join(directory, 'policy.yaml') }
  writeFileSync(files.CLIENTS_FILE, clientsOf('one', 'two'))
  writeFileSync(files.POLICY_FILE, 'rules: []\n')
  const running = await simulatedService(t, {
    environment: files,
    overrides: { clock },
    simulator: { clock },
  })
  const { app } = running
  if (!app) throw new Error('the service was not built')
  await app.listen()
  const lookAtFiles = async () => {
    for (let step = 0; step < 40; step += 1) {
      await clock.advance(250)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  const admitted = async (name: string) => {
    const authorization = `Basic ${Buffer.from(`${name}:a secret of a client`).toString('base64')}`
    const reply = await app.server.inject({
      path: '/v1/decision',
      query: { deviceId: laptop.deviceId },
      headers: { authorization },
      remoteAddress: '127.0.0.1',
    })
    return reply.statusCode
  }
  const ask = async (path: string) => {
    const reply = await app.management.inject({ path, remoteAddress: '127.0.0.1' })
    return reply.body
  }
  return { ...running, files: { ...running.environment, ...files }, lookAtFiles, admitted, ask }
}

interface Followed {
  readonly variable: 'CLIENTS_FILE' | 'POLICY_FILE' | 'INTUNE_PRIVATE_KEY_FILE'
  readonly check: string
  readonly metric: string
}

const followed: readonly Followed[] = [
  { variable: 'CLIENTS_FILE', check: 'clients', metric: 'clients' },
  { variable: 'POLICY_FILE', check: 'policy', metric: 'policy' },
  { variable: 'INTUNE_PRIVATE_KEY_FILE', check: 'certificate', metric: 'client_certificate' },
]

t.test('what stands in the place of a followed file is said everywhere, and mends by itself', async (t) => {
  const { files, pair, lookAtFiles, admitted, ask, log } = await service(t)
  const good = {
    CLIENTS_FILE: clientsOf('one', 'two'),
    POLICY_FILE: 'rules: []\n',
    INTUNE_PRIVATE_KEY_FILE: pair.privateKeyPem,
  }
  for (const { variable, check, metric } of followed) {
    const refused = (value: number) => new RegExp(`nac_refused_files\\{file="${metric}"\\} ${value}\n`)
    for (const kind of Object.keys(unusualKinds) as UnusualKind[]) {
      const logged = log().length
      await replaceByUnusual(t, files[variable], kind)
      await lookAtFiles()
      const { checks } = JSON.parse(await ask('/readyz'))
      t.match(checks[check], { status: 'degraded', what: unusualKinds[kind] }, `${variable}: ${kind}`)
      t.match(checks[check].what, `${variable} names ${files[variable]}, which is`)
      t.match(log().slice(logged), unusualKinds[kind], 'in the log')
      t.match(await ask('/metrics'), refused(1), 'in the metrics')
      t.equal(await admitted('two'), 200, 'the last good one stands')
      rmSync(files[variable], { recursive: true })
      writeFileSync(`${files[variable]}.new`, good[variable])
      renameSync(`${files[variable]}.new`, files[variable])
      await lookAtFiles()
      t.match(JSON.parse(await ask('/readyz')).checks[check], { status: 'ok' }, `after ${kind}`)
      t.match(await ask('/metrics'), refused(0))
    }
  }
  await replaceByUnusual(t, files.CLIENTS_FILE, 'fifo')
  await lookAtFiles()
  writeFileSync(`${files.CLIENTS_FILE}.new`, clientsOf('one'))
  renameSync(`${files.CLIENTS_FILE}.new`, files.CLIENTS_FILE)
  await lookAtFiles()
  t.equal(await admitted('one'), 200)
  t.equal(await admitted('two'), 401, 'a client that was taken out behind a FIFO is out')
})
