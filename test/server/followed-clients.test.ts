import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { type ClientsChange, openClients } from '../../src/server/followed-clients.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const [hashA, hashB] = [await hashSecret('a'), await hashSecret('b')]
const basic = (name: string, secret: string) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
const entry = (name: string, hash: string, more = '') =>
  `  - name: ${name}\n    basic: { username: ${name}, passwordHash: "${hash}" }\n${more}`

function follow(t: Test, text: string) {
  const file = join(t.testdir({ 'clients.yaml': text }), 'clients.yaml')
  const clock = new FakeClock()
  const changes: ClientsChange[] = []
  const opened = openClients(file, {
    clock,
    verifiesCertificates: false,
    onChange(change) {
      changes.push(change)
      if (change.taken) authenticate.replaceClients(change.list)
    },
  })
  if (!opened.ok) throw new Error(opened.fault.message)
  const checked: string[] = []
  const authenticate = createAuthenticator({
    clients: opened.value.initial,
    clock,
    verify: async (secret, expected) => {
      checked.push(secret)
      return [hashA, hashB][['a', 'b'].indexOf(secret)]?.endsWith(expected.hash.toString('base64')) ?? false
    },
  })
  t.teardown(() => opened.value.close())
  /** Two seconds, the promised bound, in steps that let the file system answer. */
  const twoSeconds = async () => {
    for (let step = 0; step < 4; step += 1) {
      await clock.advance(500)
      const until = Date.now() + 2000
      while (clock.pendingTimers === 0 && Date.now() < until) await new Promise((go) => setTimeout(go, 5))
    }
  }
  const ask = async (header: string) => {
    const outcome = await authenticate(header, '192.0.2.7', 'json')
    return outcome.ok ? outcome.value.client : outcome.fault.code
  }
  return { file, clock, changes, clients: opened.value, checked, authenticate, ask, twoSeconds }
}

t.test('a removed or changed credential stops working at once, an unchanged one stays proven', async (t) => {
  const { file, ask, checked, twoSeconds, changes } = follow(
    t,
    `clients:\n${entry('stays', hashA)}${entry('goes', hashA)}${entry('turns', hashA)}`,
  )
  for (const name of ['stays', 'goes', 'turns']) t.equal(await ask(basic(name, 'a')), name)
  t.equal(checked.length, 3)
  writeFileSync(file, `clients:\n${entry('stays', hashA)}${entry('turns', hashB)}${entry('comes', hashA)}`)
  await twoSeconds()
  t.match(changes, [{ taken: true }])
  t.equal(await ask(basic('stays', 'a')), 'stays')
  t.equal(checked.length, 3, 'without another scrypt')
  t.equal(await ask(basic('goes', 'a')), 'unauthenticated', 'removed')
  t.equal(await ask(basic('turns', 'a')), 'unauthenticated', 'the old password')
  t.equal(await ask(basic('turns', 'b')), 'turns', 'the new password')
  t.equal(await ask(basic('comes', 'a')), 'comes')
})

t.test('what a proven client may do changes with the file', async (t) => {
  const { file, ask, twoSeconds } = follow(t, `clients:\n${entry('one', hashA)}`)
  t.equal(await ask(basic('one', 'a')), 'one')
  writeFileSync(file, `clients:\n${entry('one', hashA, '    networks: [10.0.0.0/8]\n')}`)
  await twoSeconds()
  t.equal(await ask(basic('one', 'a')), 'client_forbidden')
})

t.test(
  'a file that is wrong or gone is refused once, says where, and the clients in force stay',
  async (t) => {
    const { file, ask, twoSeconds, changes, clients } = follow(t, `clients:\n${entry('one', hashA)}`)
    writeFileSync(file, `clients:\n${entry('one', hashA)}    frontend: [json]\n`)
    await twoSeconds()
    await twoSeconds()
    t.equal(changes.length, 1)
    t.match(changes[0], {
      taken: false,
      problem: /clients\.yaml:4:5: clients\[0\]\.frontend is not a known key/,
    })
    t.match(clients.problem(), /:4:5:/)
    t.equal(await ask(basic('one', 'a')), 'one')
    rmSync(file)
    await twoSeconds()
    t.match(changes[1], { taken: false, problem: /CLIENTS_FILE names .*, which does not exist/ })
    writeFileSync(file, `clients:\n${entry('one', hashA)}    certificate: { subject: CN=x }\n`)
    await twoSeconds()
    t.match(
      clients.problem(),
      /:4:18: clients\[0\]\.certificate: cannot be verified: set SERVICE_TLS_CLIENT_CA_FILE/,
    )
    writeFileSync(file, `clients:\n${entry('one', hashA)}`)
    await twoSeconds()
    t.equal(clients.problem(), undefined)
    t.equal(await ask(basic('one', 'a')), 'one')
  },
)

t.test('a check that ends after the client was taken out does not let it in', async (t) => {
  const { authenticate, ask } = follow(t, `clients:\n${entry('one', hashA)}`)
  const asked = authenticate(basic('one', 'a'), '192.0.2.7', 'json')
  authenticate.replaceClients({ clients: [] })
  t.match(await asked, { fault: { code: 'unauthenticated' } })
  t.equal(await ask(basic('one', 'a')), 'unauthenticated', 'and nothing was remembered')
})

t.test('a file that is wrong at the start is a fault', async (t) => {
  const directory = t.testdir({ 'clients.yaml': 'clients: 1' })
  const parts = { clock: new FakeClock(), onChange: () => {} }
  t.match(openClients(join(directory, 'clients.yaml'), parts), { fault: { code: 'configuration_invalid' } })
  t.match(openClients(join(directory, 'none.yaml'), parts), {
    fault: { message: /none\.yaml, which does not exist/ },
  })
})
