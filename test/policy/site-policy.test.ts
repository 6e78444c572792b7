import { renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSitePolicy, type PolicyChange } from '../../src/policy/site-policy.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { factsOf } from './policy-facts.ts'

const allowAll = 'rules: [{ name: first, decision: allow }]\n'
const denyAll = 'rules: [{ name: second, decision: deny }]\n'

function open(t: Test, file: string) {
  const clock = new FakeClock()
  const changes: PolicyChange[] = []
  const opened = openSitePolicy(file, { clock, onChange: (change) => changes.push(change) })
  if (!opened.ok) throw new Error(opened.fault.message)
  const policy = opened.value
  t.teardown(() => policy.close())
  /** Moves the clock; the file system gets the real time that it needs for each look. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advance(100)
      for (let wait = 0; wait < 200 && clock.pendingTimers === 0; wait += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
  const rule = () => policy.decide(factsOf()).rule
  return { policy, changes, pass, rule, clock }
}

t.test('without a file the built-in policy applies and nothing is polled', async (t) => {
  const clock = new FakeClock()
  const opened = openSitePolicy(undefined, { clock })
  t.ok(opened.ok)
  if (!opened.ok) return
  t.match(opened.value.decide(factsOf()), { outcome: 'allow', rule: 'builtin compliant' })
  t.match(opened.value.explain(factsOf()), [{ rule: 'builtin compliant' }])
  t.match(opened.value.status(), { state: 'built_in', rules: 0 })
  t.equal(clock.pendingTimers, 0)
  opened.value.close()
})

t.test('a file that is wrong or missing at the start is a fault that says where', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': 'rules:\n  - { name: a, decision: maybe }\n' }), 'policy.yaml')
  const parts = { clock: new FakeClock() }
  t.match(openSitePolicy(file, parts), {
    ok: false,
    fault: {
      code: 'configuration_invalid',
      field: 'POLICY_FILE',
      message: /policy\.yaml:2:26: rules\[0\]\.decision/,
    },
  })
  t.match(openSitePolicy(`${file}.missing`, parts), {
    ok: false,
    fault: { code: 'configuration_invalid', message: /policy\.yaml\.missing, which does not exist/ },
  })
})

t.test('the built-in rules apply below those of the file', async (t) => {
  const file = join(
    t.testdir({ 'policy.yaml': 'rules: [{ name: x, when: { ssid: X }, decision: deny }]' }),
    'policy.yaml',
  )
  const { policy, rule } = open(t, file)
  t.equal(rule(), 'builtin compliant')
  t.equal(policy.decide(factsOf({ context: { ssid: 'X' } })).rule, 'x')
})

t.test('an edit takes effect within two seconds and is reported once', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': allowAll }), 'policy.yaml')
  const { policy, changes, pass, rule } = open(t, file)
  await pass(2000)
  t.match(
    changes,
    [{ taken: true, rules: 1, warnings: [] }],
    'an unchanged file is reported at the start only',
  )
  writeFileSync(file, denyAll)
  await pass(2000)
  t.equal(rule(), 'second')
  t.equal(policy.explain(factsOf()).at(-1)?.rule, 'second')
  t.equal(changes.length, 2)
  t.match(policy.status(), { state: 'loaded', reloads: 1, refusals: 0 })
  await pass(5000)
  t.equal(changes.length, 2)
})

t.test('a broken edit changes nothing, is reported once with its place, and can be mended', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': allowAll }), 'policy.yaml')
  const { policy, changes, pass, rule } = open(t, file)
  await pass(1000)
  writeFileSync(file, 'rules:\n  - name: second\n    decision: deny\n    profil: x\n')
  await pass(5000)
  t.equal(rule(), 'first')
  t.match(changes.slice(1), [
    {
      taken: false,
      problem: /policy\.yaml:4:5: rules\[0\]\.profil is not a known key; did you mean profile\?$/,
    },
  ])
  t.equal(changes.length, 2)
  t.match(policy.status(), { state: 'refused', refusals: 1, problem: /:4:5:/ })
  writeFileSync(file, denyAll)
  await pass(2000)
  t.equal(rule(), 'second')
  t.match(policy.status(), { state: 'loaded', reloads: 1, refusals: 1 })
  t.equal(policy.status().problem, undefined)
})

t.test('an edit in another encoding is refused, and the policy in force stays', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': allowAll }), 'policy.yaml')
  const { changes, pass, rule } = open(t, file)
  await pass(1000)
  writeFileSync(file, Buffer.from('rules: [{ name: Büro, decision: deny }]\n', 'latin1'))
  await pass(3000)
  t.equal(rule(), 'first')
  t.match(changes.at(-1), { taken: false, problem: /policy\.yaml:1:18: byte 0xFC is not UTF-8/ })
  writeFileSync(file, `\ufeff${denyAll}`)
  await pass(2000)
  t.equal(rule(), 'second', 'a byte order mark is fine')
})

t.test('a file that disappears is refused, and taken again when it is back', async (t) => {
  const directory = t.testdir({ 'policy.yaml': allowAll })
  const file = join(directory, 'policy.yaml')
  const { changes, pass, rule } = open(t, file)
  await pass(1000)
  rmSync(file)
  await pass(3000)
  t.equal(rule(), 'first')
  t.match(changes.at(-1), { taken: false, problem: /POLICY_FILE names .*, which does not exist/ })
  writeFileSync(`${file}.new`, denyAll)
  renameSync(`${file}.new`, file)
  await pass(2000)
  t.equal(rule(), 'second')
})

t.test('the swap of a symlink counts as a change, as Kubernetes updates a mounted file', async (t) => {
  const directory = t.testdir({
    one: { 'policy.yaml': allowAll },
    two: { 'policy.yaml': 'rules: [{ name: other, decision: deny }]\n' },
    data: t.fixture('symlink', 'one'),
    'policy.yaml': t.fixture('symlink', 'data/policy.yaml'),
  })
  const then = new Date(2026, 0, 1)
  for (const name of ['one', 'two']) utimesSync(join(directory, name, 'policy.yaml'), then, then)
  const { pass, rule } = open(t, join(directory, 'policy.yaml'))
  await pass(1000)
  t.equal(rule(), 'first')
  symlinkSync('two', join(directory, 'data.new'))
  renameSync(join(directory, 'data.new'), join(directory, 'data'))
  await pass(2000)
  t.equal(rule(), 'other')
})

t.test('a file that is still being written is left alone until it is quiet', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': allowAll }), 'policy.yaml')
  const { changes, pass, rule } = open(t, file)
  await pass(1000)
  for (let written = 0; written < 8; written += 1) {
    writeFileSync(file, `rules: []\n${'# half\n'.repeat(written)}`)
    await pass(400)
    t.equal(rule(), 'first', 'half a file is not a policy')
  }
  writeFileSync(file, denyAll)
  await pass(2000)
  t.equal(rule(), 'second')
  t.equal(changes.length, 2)
})

t.test('after close nothing is polled any more', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': allowAll }), 'policy.yaml')
  const { policy, clock, rule } = open(t, file)
  policy.close()
  t.equal(clock.pendingTimers, 0)
  writeFileSync(file, denyAll)
  await clock.advance(5000)
  t.equal(rule(), 'first')
})
