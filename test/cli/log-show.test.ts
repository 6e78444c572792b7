import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { createLineFilter } from '../../src/cli/log-filter.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import type { DecisionRecord } from '../../src/decision/decision-service.ts'
import type { SentAnswer } from '../../src/decision/sent-answer.ts'
import { createDeviceMask, type MaskDevice } from '../../src/identity/mask-device.ts'
import { DecisionLog } from '../../src/telemetry/decision-log.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const alice = { mac: '005056A4895A', deviceId: 'ee9d3792-6859-4b71-93aa-56aba42581c5' }
const bob = { mac: '3408BC507C78', deviceId: 'b0b00000-0000-4000-8000-000000000002' }

function decided(id: string, device: typeof alice, sent: SentAnswer | null, nas: string): DecisionRecord {
  return {
    decision: {
      decisionId: id,
      outcome: sent === 'accept' ? 'allow' : 'remediate',
      reason: sent === 'accept' ? 'compliant' : 'noncompliant',
      complianceState: 'compliant',
      enrolled: true,
      matchedBy: 'deviceId',
      device: device.deviceId,
      source: 'cache',
      ageMs: 0,
      stale: false,
      expiresInMs: 0,
    },
    request: {
      identity: {
        identifiers: [
          { kind: 'deviceId', origin: 'certificateSan', rank: 1, value: device.deviceId },
          { kind: 'mac', origin: 'mac', rank: 4, value: device.mac },
        ],
      },
      refresh: false,
      frontend: 'radius',
      client: 'radius-1',
      context: { nasIpAddress: nas, nasIdentifier: `switch of ${nas}`, ssid: 'Corp' },
      origin: {
        nasPort: '50101',
        user: device === alice ? 'host/alice-1' : 'host/bob-1',
        certificateUser: device === alice ? 'alice@corp.example' : 'bob@corp.example',
      },
    },
    sent,
    totalMs: 1,
    skippedKinds: [],
    rankConflict: false,
  }
}

/** The lines of a log that begins at 08:00 on the 23rd and has a decision each hour. */
function linesOf(records: readonly DecisionRecord[], mask: MaskDevice = (device) => device): string[] {
  const clock = new FakeClock()
  const lines: string[] = []
  const out = (line: Buffer) => void lines.push(line.toString())
  const log = new DecisionLog({ mask, clock, hasRequestContext: true, out })
  for (const record of records) {
    log.write(record)
    clock.jump(3_600_000)
  }
  return lines
}

const records = [
  decided('d-1', alice, 'accept', '192.0.2.7'),
  decided('d-2', bob, 'reject', '192.0.2.7'),
  decided('d-3', bob, 'redirect', '198.51.100.1'),
  decided('d-4', alice, 'unavailable', '2001:db8::1'),
  decided('d-5', alice, null, '198.51.100.1'),
]

async function run(args: readonly string[], input?: AsyncIterable<Uint8Array>) {
  const out: string[] = []
  const err: string[] = []
  const context = {
    environment: {},
    ...(input && { input }),
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
  }
  const code = await runCommand(['log', 'show', ...args], context)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

/** The ids of the decisions that are found. */
function idsIn(text: string): string[] {
  return [...text.matchAll(/\bd-\d+\b/g)].map(([id]) => id)
}

/** A log that was rotated twice. */
function rotatedLog(t: Test, mask?: MaskDevice): string {
  const lines = linesOf(records, mask)
  const directory = t.testdir({
    'decisions.log.2': lines.slice(0, 2).join(''),
    'decisions.log.1': lines.slice(2, 4).join(''),
    'decisions.log': lines.slice(4).join(''),
  })
  return join(directory, 'decisions.log')
}

t.test('every way to search finds what fits, in the rotated files too', async (t) => {
  const file = rotatedLog(t)
  for (const [args, ids] of [
    [[], ['d-1', 'd-2', 'd-3', 'd-4', 'd-5']],
    [['--sent', 'reject'], ['d-2']],
    [
      ['--sent', 'reject,unavailable'],
      ['d-2', 'd-4'],
    ],
    [['--decision', 'allow'], ['d-1']],
    [['--decision', 'remediate', '--sent', 'redirect'], ['d-3']],
    [
      ['--device', '00-50-56-a4-89-5a'],
      ['d-1', 'd-4', 'd-5'],
    ],
    [
      ['--device', bob.deviceId.toUpperCase()],
      ['d-2', 'd-3'],
    ],
    [
      ['--user', 'ALICE@corp.example'],
      ['d-1', 'd-4', 'd-5'],
    ],
    [
      ['--user', 'host/bob-1'],
      ['d-2', 'd-3'],
    ],
    [
      ['--nas', '192.0.2.7'],
      ['d-1', 'd-2'],
    ],
    [
      ['--nas', '198.51.100.0/24'],
      ['d-3', 'd-5'],
    ],
    [['--nas', '2001:DB8:0::1'], ['d-4']],
    [
      ['--nas', 'Switch of 192.0.2.7'],
      ['d-1', 'd-2'],
    ],
    [['--id', 'd-3'], ['d-3']],
    [
      ['--since', '2026-11-23T10:00'],
      ['d-3', 'd-4', 'd-5'],
    ],
    [['--since', '2026-11-23T09:00Z', '--until', '2026-11-23T11:00+01:00'], ['d-2']],
    [['--since', '2026-11-24'], []],
  ] as [string[], string[]][]) {
    const found = await run([file, ...args])
    t.same(idsIn(found.out), ids, args.join(' '))
    t.equal(found.code, ids.length > 0 ? 0 : 1)
    t.match(found.err, `${ids.length} of 5 decision(s)`)
  }
  const { out } = await run([file, '--sent', 'reject'])
  t.match(out, /^time +sent +decision .*\n-+ /)
  t.match(
    out,
    /2026-11-23T09:00:00\.000Z +reject +remediate +noncompliant +b0b00000-\S+ +bob@corp\.example +switch of 192\.0\.2\.7 192\.0\.2\.7 +50101 +Corp +radius-1\/radius +d-2/,
  )
})

t.test('as JSON, what is found are the lines of the log', async (t) => {
  const file = rotatedLog(t)
  const { out } = await run([file, '--sent', 'reject', '--json'])
  t.equal(`${out}\n`, readFileSync(`${file}.1`, 'utf8').split('\n').slice(0, 1).join('\n').concat('\n'))
  t.match(JSON.parse(out), { decisionId: 'd-2', sent: 'reject', nasIpAddress: '192.0.2.7' })
})

t.test('standard input is read as it comes, with everything else that the service writes', async (t) => {
  const lines = linesOf(records)
  const noise = ['{"level":"info","event":"other","decisionId":"d-2"}\n', 'Nov 23 not JSON\n', '\n', 'null\n']
  const bytes = Buffer.from([...noise, ...lines, ...noise].join(''))
  async function* inPieces() {
    // Also in the middle of a character, and without a line end behind the last line.
    for (let at = 0; at < bytes.length - 1; at += 7)
      yield bytes.subarray(at, Math.min(at + 7, bytes.length - 1))
  }
  t.same(idsIn((await run(['-', '--device', bob.mac], inPieces())).out), ['d-2', 'd-3'])
  t.match(await run(['-'], inPieces()), { code: 0, err: '5 of 5' })
})

t.test('a line without an end is passed over and not collected', async (t) => {
  const [, line = ''] = linesOf(records)
  let most = 0
  async function* endless() {
    const piece = Buffer.alloc(1024 * 1024, 'x')
    for (let count = 0; count < 300; count += 1) {
      yield piece
      if (count % 50 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers)
    }
    yield Buffer.from(`\n${line}`)
  }
  const before = process.memoryUsage().arrayBuffers
  t.same(idsIn((await run(['-'], endless())).out), ['d-1'])
  t.ok(most - before < 100 * 1024 * 1024, `${most - before} bytes`)
})

t.test('text from outside does nothing on a terminal, in the table and as JSON', async (t) => {
  const hostile = 'x\u001b[2K\u202e\u009b1G\r\u2028\nd-99 y'
  const record = decided('d-1', alice, 'reject', hostile)
  const lines = linesOf([
    { ...record, request: { ...record.request, client: hostile, origin: { user: hostile } } },
  ])
  const file = join(t.testdir({ log: lines.join('') }), 'log')
  for (const more of [[], ['--json']]) {
    const { out } = await run([file, ...more])
    t.notMatch(out, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    t.match(out, /x\\u001b\[2K\\u202e/)
    t.notMatch(out, /^d-99/m, 'it makes no line of its own')
    if (more.length > 0) t.match(JSON.parse(out), { client: hostile }, 'and the JSON is the same')
  }
})

t.test('what is no decision line of ours, whatever it holds, breaks nothing', async (t) => {
  const strange = [
    { component: 'decision', event: 'decision' },
    { component: 'decision', event: 'decision', device: 7, otherIdentifiers: [null, 3, 'x', {}], time: {} },
    { component: 'decision', event: 'decision', otherIdentifiers: 'x', sent: ['reject'], nasIpAddress: null },
  ]
  const file = join(t.testdir({ log: strange.map((line) => JSON.stringify(line)).join('\n') }), 'log')
  t.match(await run([file]), { code: 0, err: '3 of 3' })
  const everything = ['--device', alice.mac, '--nas', '10.0.0.0/8', '--since', '1d', '--user', 'x']
  t.match(await run([file, ...everything]), { code: 1, err: '0 of 3' })
})

t.test('hashed identifiers are found by their hash, and documented is how that is made', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  // As the service makes it.
  const key = createHash('sha256').update('device-id-hash').update(pem).digest()
  const file = rotatedLog(t, createDeviceMask('hash', key))
  t.match(await run([file, '--device', alice.mac]), {
    code: 1,
    err: /5 line\(s\) have hashes.*Hashed identifiers/,
  })

  const page = readFileSync(new URL('../../docs/decision-log.md', import.meta.url), 'utf8')
  const [, script = ''] = /### Hashed identifiers[\s\S]*?```sh\n([\s\S]*?)```/.exec(page) ?? []
  const cwd = dirname(file)
  writeFileSync(join(cwd, 'app.key'), pem)
  const hash = execFileSync('bash', ['-c', script], { cwd, encoding: 'utf8' }).trim()
  t.match(hash, /^[0-9a-f]{32}$/)
  t.same(idsIn((await run([file, '--device', hash])).out), ['d-1', 'd-4', 'd-5'])

  const unnamed = join(cwd, 'unnamed')
  writeFileSync(unnamed, linesOf(records, () => '').join(''))
  t.match(await run([unnamed, '--device', alice.mac]), { code: 1, err: /5 line\(s\) name no device/ })
})

t.test('lines of earlier versions are shown, and it is said what they lack', async (t) => {
  const [, line = ''] = linesOf(records)
  const old = JSON.parse(line)
  for (const key of ['sent', 'nasIpAddress', 'user', 'otherIdentifiers']) delete old[key]
  const file = join(t.testdir({ log: `${JSON.stringify(old)}\n` }), 'log')
  t.same(idsIn((await run([file])).out), ['d-1'])
  t.match(await run([file, '--sent', 'reject']), { code: 1, err: /1 line\(s\) of an earlier version/ })
  t.match(await run([file, '--nas', 'x']), { code: 1, err: /1 line\(s\) have neither NAS nor user/ })
})

t.test('wrong use is named, and what is right', async (t) => {
  const file = rotatedLog(t)
  for (const [args, message] of [
    [[], /log show FILE, or log show -/],
    [[file, '--sent', 'rejct'], /--sent takes accept, redirect, reject.*did you mean reject\?/],
    [[file, '--decision', 'accept'], /--decision takes allow, deny, remediate, fail/],
    [[file, '--since', 'yesterday'], /--since takes a time such as 30m, 24h or 7d ago/],
    [[file, '--since', '2026-02-31'], /--since takes/],
    [[file, '--until', '2026-13-01'], /--until takes/],
    [['-', file], /takes - alone/],
    [[`${file}.missing`], /cannot read .*missing: ENOENT/],
  ] as [string[], RegExp][]) {
    const { code, err } = await run(args)
    t.equal(code, 2, args.join(' '))
    t.match(err, message)
  }
})

t.test('times ago are counted from now', async (t) => {
  const nowMs = Date.UTC(2026, 10, 23, 12)
  const fits = (since: string, time: string) => createLineFilter({ since }, nowMs)({ time })
  t.equal(fits('2h', '2026-11-23T10:00:00.000Z'), true)
  t.equal(fits('2h', '2026-11-23T09:59:59.999Z'), false)
  t.equal(fits('90s', '2026-11-23T11:58:31.000Z'), true)
  t.equal(fits('7d', '2026-11-16T11:59:00.000Z'), false)
  t.equal(fits('30m', 'no time'), false)
})

t.test('the program reads a pipe, and ends quietly where nobody reads on', async (t) => {
  const many = linesOf(records).join('').repeat(2000)
  const file = join(t.testdir({ log: many }), 'log')
  const program = new URL('../../src/main.ts', import.meta.url).pathname
  const shell = (script: string) =>
    execFileSync('bash', ['-c', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE: process.execPath },
    })
  t.match(shell(`"$NODE" "${program}" log show - --sent reject < "${file}" 2>&1 >/dev/null`), '2000 of 10000')
  t.equal(shell(`"$NODE" "${program}" log show "${file}" 2>&1 | head -n 1 | cut -c1-4`), 'time\n')
})
