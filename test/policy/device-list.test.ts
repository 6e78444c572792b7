import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readDeviceList, readDeviceListInSlices } from '../../src/policy/device-list.ts'
import { parsePolicy } from '../../src/policy/policy-file.ts'
import { loadPolicy, openSitePolicy, type PolicyChange } from '../../src/policy/site-policy.ts'
import { countTurns } from '../fakes/count-turns.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { onRead } from '../fakes/on-read.ts'
import { factsOf } from './policy-facts.ts'

const stolen = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'
const lost = '7d1f6e1a-0b3c-4d5e-8f70-112233445566'
const bytes = (text: string) => Buffer.from(text)

t.test('a list has one device a line, in any usual spelling, with comments', async (t) => {
  const read = readDeviceList(
    'deviceId',
    bytes(
      `\ufeff# stolen\r\n${stolen.toUpperCase()}\r\n\n  {${lost}}\t# ticket 4711\nIntuneDeviceId://${stolen}\n`,
    ),
  )
  t.same('devices' in read && [...read.devices], [stolen, lost])
  const macs = readDeviceList('mac', bytes('00:50:56:a4:89:5a\n0050.56A4.895B\nda1b2c-3d4e5f'))
  t.same('devices' in macs && [...macs.devices], ['005056A4895A', '005056A4895B', 'DA1B2C3D4E5F'])
  const serials = readDeviceList('serialNumber', bytes('vmware-56 4d a1\nC02#1 # a Mac\n'))
  t.same('devices' in serials && [...serials.devices], ['VMWARE-56 4D A1', 'C02#1'])
})

t.test('everything that is wrong with a list is said by line and column, without the text', async (t) => {
  const read = readDeviceList('mac', bytes('005056A4895A\n\n  10.1.2.3\n01:00:5e:00:00:01\n'))
  t.match(read, {
    problems: [
      { line: 3, column: 3 },
      { line: 4, column: 1 },
    ],
  })
  t.notMatch(JSON.stringify(read), /10\.1|5e/)
  t.match(readDeviceList('deviceId', bytes('00000000-0000-0000-0000-000000000000')), {
    problems: [{ line: 1 }],
  })
  t.match(readDeviceList('serialNumber', bytes('To be filled by O.E.M.\nPF*\nunknown')), {
    problems: [{ line: 1 }, { line: 2 }, { line: 3 }],
  })
  t.match(readDeviceList('mac', Buffer.from('# B\xfcro\n', 'latin1')), {
    problems: [{ problem: /not UTF-8/ }],
  })
  const many = readDeviceList('mac', bytes('x\n'.repeat(100_000)))
  t.equal('problems' in many && many.problems.length, 20)
})

t.test('a policy says where a value is no identifier, and takes no numbers', async (t) => {
  for (const [when, problem] of [
    ['deviceId: nobody', /^f:1:\d+: rules\[0\]\.when\.deviceId: is not an Intune device id/],
    ['mac: [005056A4895A, 10.1.2.3]', /rules\[0\]\.when\.mac\[1\]: is not the MAC address/],
    ['mac: 005056123456', /rules\[0\]\.when\.mac: must be a text, in quotes/],
    ['serialNumber: [1234567]', /rules\[0\]\.when\.serialNumber\[0\]: must be a text, in quotes/],
    ['serialNumber: PF*', /no filler and no \*/],
    ['serialNumber: []', /must not be empty/],
    ['mac: { files: x }', /rules\[0\]\.when\.mac\.files is not a known key/],
    ['mac: { file: 1 }', /rules\[0\]\.when\.mac\.file: must be the path of a file/],
  ] as const) {
    const parsed = parsePolicy(`rules: [{ name: it, when: { ${when} }, decision: deny }]`, 'f')
    t.match(parsed, { ok: false, fault: { message: problem } }, when)
  }
})

t.test('a rule on which a refused device can come in is a warning', async (t) => {
  const parsed = parsePolicy(
    `rules: [{ name: it, when: { mac: 005056A4895A, deviceId: ${stolen} }, decision: deny }]`,
    'f',
  )
  t.match(parsed, { value: { warnings: [/asks for deviceId and mac at once/] } })
  const warningsOf = (...rules: string[]) => {
    const policy = parsePolicy(`rules: [${rules.join(', ')}]`, 'f')
    return policy.ok ? policy.value.warnings : [policy.fault.message]
  }
  const byMac = '{ name: m, when: { mac: 005056A4895A }, decision: deny }'
  const byId = `{ name: i, when: { deviceId: ${stolen} }, decision: deny }`
  t.match(warningsOf(byMac), [/rule "m" passes over devices whose mac neither the request nor Intune says/])
  t.same(warningsOf(byMac, byId), [], 'with a rule by id the device is known')
  t.same(warningsOf(byMac.replace('005056A4895A', '[005056A4895A, unknown]')), [])
  t.same(warningsOf(byMac.replace('deny', 'allow')), [])
})

t.test('100,000 devices are read in slices', async (t) => {
  const text = Array.from({ length: 100_000 }, (_, at) => `005056${at.toString(16).padStart(6, '0')}\n`).join(
    '',
  )
  const reading = readDeviceListInSlices('mac', bytes(text))
  const turns = await countTurns(reading)
  const read = await reading
  t.equal('devices' in read && read.devices.size, 100_000)
  t.ok(turns >= 90, `${turns} turns of the event loop`)
})

function open(t: Test, files: Record<string, string>) {
  const directory = t.testdir(files)
  const clock = new FakeClock()
  const changes: PolicyChange[] = []
  const opened = openSitePolicy(join(directory, 'policy.yaml'), {
    clock,
    onChange: (change) => changes.push(change),
  })
  if (!opened.ok) throw new Error(opened.fault.message)
  const policy = opened.value
  t.teardown(() => policy.close())
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advance(100)
      for (let wait = 0; wait < 6; wait += 1) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const factsAbout = (deviceId: string) =>
    policy.withLists(
      factsOf({
        identity: { identifiers: [{ kind: 'deviceId', value: deviceId, origin: 'deviceId', rank: 1 }] },
      }),
    )
  const outcome = (deviceId: string) => policy.decide(factsAbout(deviceId)).outcome
  const write = (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content)
  return { policy, changes, pass, outcome, factsAbout, write, directory }
}

const byList = (file: string) =>
  `rules:\n  - { name: blocked, when: { deviceId: { file: ${file} } }, decision: deny }\n`

t.test('a list file beside the policy is followed, and a wrong one keeps the last', async (t) => {
  const { policy, changes, pass, outcome, write, directory } = open(t, {
    'policy.yaml': byList('blocked.txt'),
    'blocked.txt': `${stolen}\n`,
  })
  t.same([outcome(stolen), outcome(lost)], ['deny', 'allow'])
  await pass(1000)
  write('blocked.txt', `${stolen}\n${lost}\n`)
  await pass(2000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'])
  t.match(changes.at(-1), { taken: true, list: { file: 'blocked.txt', path: /\/blocked\.txt$/, devices: 2 } })
  write('blocked.txt', `${stolen}\nsomething\n`)
  await pass(3000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'], 'what was in force stays')
  t.match(changes.at(-1), { taken: false, problem: /blocked\.txt:2:1: is not an Intune device id/ })
  t.match(policy.status(), { state: 'refused', problem: /blocked\.txt:2:1/ })
  rmSync(join(directory, 'blocked.txt'))
  await pass(3000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'], 'also where it is gone')
  t.match(policy.status().problem, /blocked\.txt, which does not exist/)
  write('blocked.new', `${lost}\n`)
  renameSync(join(directory, 'blocked.new'), join(directory, 'blocked.txt'))
  await pass(3000)
  t.same([outcome(stolen), outcome(lost)], ['allow', 'deny'])
  t.match(policy.status(), { state: 'loaded' })
})

t.test('a story goes on telling what the list said when it was decided', async (t) => {
  const { policy, pass, factsAbout, outcome, write } = open(t, {
    'policy.yaml': byList('blocked.txt'),
    'blocked.txt': `${stolen}\n`,
  })
  const then = factsAbout(stolen)
  await pass(1000)
  write('blocked.txt', '# nobody\n')
  await pass(2000)
  t.equal(outcome(stolen), 'allow')
  t.match(policy.explain(then)[0], { rule: 'blocked', result: 'fired' })
})

t.test('an edit that names a list which cannot be read waits for the list', async (t) => {
  const { policy, pass, outcome, write, directory } = open(t, {
    'policy.yaml': byList('one.txt'),
    'one.txt': stolen,
  })
  await pass(1000)
  mkdirSync(join(directory, 'lists'))
  write('policy.yaml', byList('lists/two.txt'))
  await pass(3000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'allow'], 'the policy in force stays')
  t.match(policy.status(), { state: 'refused', problem: /lists\/two\.txt, which does not exist/ })
  write('one.txt', `${stolen}\n${lost}`)
  await pass(2500)
  t.equal(outcome(lost), 'deny', 'and its list is followed')
  write('lists/two.txt', lost)
  await pass(3000)
  t.same([outcome(stolen), outcome(lost)], ['allow', 'deny'])
  t.match(policy.status(), { state: 'loaded' })
})

/** Writes a file anew and renames it, as the manual says. */
const put = (directory: string, name: string, content: string) => {
  writeFileSync(join(directory, `${name}.new`), content)
  renameSync(join(directory, `${name}.new`), join(directory, name))
}
const byLists = (...files: string[]) =>
  `rules:\n${files.map((file) => `  - { name: ${file}, when: { deviceId: { file: ${file} } }, decision: deny }\n`).join('')}`

t.test('a block that comes while a policy is read which names its list first is not lost', async (t) => {
  const { changes, pass, outcome, write, directory } = open(t, {
    'policy.yaml': 'rules: []\n',
    'blocked.txt': '# nobody yet\n',
    'other.txt': `${lost}\n`,
  })
  await pass(1000)
  onRead(t, join(directory, 'blocked.txt'), {
    after: (count) => count === 1 && put(directory, 'blocked.txt', `${stolen}\n`),
  })
  write('policy.yaml', byLists('blocked.txt', 'other.txt'))
  await pass(5000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'])
  t.match(changes.at(-1), { taken: true, list: { file: 'blocked.txt', devices: 1 } })
})

t.test('a list that comes while a policy is refused for want of it is not lost', async (t) => {
  const { policy, pass, outcome, write, directory } = open(t, {
    'policy.yaml': byLists('other.txt'),
    'other.txt': '',
  })
  await pass(1000)
  write('policy.yaml', byLists('first.txt', 'blocked.txt'))
  write('first.txt', '')
  write('blocked.txt', 'half of a')
  // Wrong when it is read for the policy, and right before anybody can look again.
  onRead(t, join(directory, 'blocked.txt'), {
    after: (count) => count === 1 && put(directory, 'blocked.txt', `${stolen}\n`),
  })
  await pass(6000)
  t.equal(outcome(stolen), 'deny')
  t.match(policy.status(), { state: 'loaded' })
})

t.test('what was passed on of a list is what is taken, and a slip behind it does not stay', async (t) => {
  const { changes, pass, outcome, write, directory } = open(t, {
    'policy.yaml': byLists('blocked.txt'),
    'blocked.txt': `${lost}\n`,
  })
  await pass(1000)
  // It is read twice to see that nobody is writing; a third time would be for nothing.
  onRead(t, join(directory, 'blocked.txt'), {
    before(count) {
      if (count === 3 && changes.length === 1) put(directory, 'blocked.txt', `${lost}\n`)
    },
  })
  write('blocked.txt', `${stolen}\n${lost}\n`)
  await pass(2000)
  t.equal(outcome(stolen), 'deny')
  put(directory, 'blocked.txt', `${stolen}\n${lost}\n`)
  await pass(5000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'])
})

t.test('a new policy does not take the half of a list that somebody is writing', async (t) => {
  const { changes, pass, outcome, write } = open(t, {
    'policy.yaml': byLists('blocked.txt'),
    'blocked.txt': '',
  })
  await pass(1000)
  write('blocked.txt', `${stolen}\n${lost}\n`)
  await pass(2000)
  write('policy.yaml', `${byLists('blocked.txt')}# another\n`)
  for (let step = 0; step < 20; step += 1) {
    write('blocked.txt', `${lost}\n${'#'.repeat(step)}`)
    await pass(100)
    t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'], `step ${step}`)
  }
  t.match(changes.at(-1), { taken: true, rules: 1 }, 'the policy is in force')
  t.equal(changes.length, 3)
  write('blocked.txt', `${stolen}\n${lost}\n`)
  await pass(5000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'])
})

t.test('a policy that is refused does not keep a change from the list that is in force', async (t) => {
  const { policy, pass, outcome, write } = open(t, {
    'policy.yaml': byLists('blocked.txt'),
    'blocked.txt': '',
  })
  await pass(1000)
  write('policy.yaml', byLists('./blocked.txt', 'missing.txt'))
  await pass(600)
  // Read for the policy before it has been quiet for long enough to be passed on.
  write('blocked.txt', `${stolen}\n`)
  await pass(5000)
  t.equal(outcome(stolen), 'deny')
  t.match(policy.status(), { state: 'refused', problem: /missing\.txt, which does not exist/ })
  write('missing.txt', `${lost}\n`)
  await pass(5000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'deny'])
  t.match(policy.status(), { state: 'loaded' })
})

t.test('what was passed on of a list before it was read for a policy is not taken after it', async (t) => {
  const { changes, pass, outcome, write, directory } = open(t, {
    'policy.yaml': byLists('blocked.txt'),
    'blocked.txt': '',
    'other.txt': '',
  })
  await pass(1000)
  const held = Promise.withResolvers<void>()
  onRead(t, join(directory, 'other.txt'), { before: (count) => (count === 1 ? held.promise : undefined) })
  write('policy.yaml', byLists('other.txt', './blocked.txt'))
  await pass(600)
  write('blocked.txt', `${lost}\n`)
  await pass(3000)
  t.equal(changes.length, 1, 'the policy is being read, and the change of the list waits')
  put(directory, 'blocked.txt', `${stolen}\n`)
  held.resolve()
  while (changes.length === 1) await new Promise(setImmediate)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'allow'])
  await pass(5000)
  t.same([outcome(stolen), outcome(lost)], ['deny', 'allow'])
})

t.test('a comment that may be part of a serial number is refused where it is', async (t) => {
  const serialsOf = (text: string) => readDeviceList('serialNumber', bytes(text))
  t.match(serialsOf('PF1\n  AB #12\n'), { problems: [{ line: 2, column: 6, problem: /space behind the #/ }] })
  t.match(serialsOf('AB\t#12'), { problems: [{ line: 1, column: 4 }] })
  t.match(serialsOf('AB #1 # a Mac'), { problems: [{ column: 4 }] })
  const read = serialsOf('#PF9\n  #PF8\r\nPF1 # stolen #12\r\nPF2 #\r\nPF3\t#\twhy\nC02#1\n')
  t.same('devices' in read && [...read.devices], ['PF1', 'PF2', 'PF3', 'C02#1'])
  const ids = readDeviceList('deviceId', bytes(`${stolen} #4711`))
  t.same('devices' in ids && [...ids.devices], [stolen], 'an id has no # in it')
})

t.test('at the start a list that is missing or wrong is a fault that says where', async (t) => {
  const directory = t.testdir({ 'policy.yaml': byList('blocked.txt') })
  const file = join(directory, 'policy.yaml')
  t.match(loadPolicy(file), {
    fault: { code: 'configuration_invalid', message: /blocked\.txt, which does not exist/ },
  })
  writeFileSync(join(directory, 'blocked.txt'), 'x')
  t.match(loadPolicy(file), { fault: { message: /blocked\.txt:1:1: is not an Intune device id/ } })
})
