import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { ComplianceRecord } from '../../src/compliance/compliance-record.ts'
import type { NoncompliantList } from '../../src/compliance/noncompliant-list.ts'
import { packRecord, type RememberedRecord, unpackRecord } from '../../src/compliance/packed-record.ts'
import { RememberedRecords } from '../../src/compliance/remembered-records.ts'
import { openComplianceState } from '../../src/state/compliance-state.ts'
import { openStateDatabase } from '../../src/state/state-database.ts'
import { describeStateError } from '../../src/state/state-file.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { canonicalMac, guid, json, mutated, optional, text } from './arbitraries.ts'
import { fuzz, fuzzed } from './fuzz.ts'

const remembered: fc.Arbitrary<RememberedRecord> = fc
  .record({
    state: fc.constantFrom(
      'compliant' as const,
      'noncompliant' as const,
      'unknown' as const,
      'not enrolled' as const,
    ),
    observedAtMs: fc.nat(4_000_000_000_000),
    freshForMs: fc.nat(86_400_000),
    deviceId: optional(guid),
    macs: optional(fc.array(canonicalMac, { minLength: 1, maxLength: 3 })),
    gracePeriodEndsMs: optional(fc.nat(4_000_000_000_000)),
    model: optional(text),
    lastSyncMs: optional(fc.integer()),
    held: optional(fc.constantFrom('regressed' as const, 'mass_flip' as const)),
  })
  .map(({ state, observedAtMs, freshForMs, deviceId, macs, gracePeriodEndsMs, model, lastSyncMs, held }) => {
    const details = { ...(model !== undefined && { model }), ...(lastSyncMs !== undefined && { lastSyncMs }) }
    const record: ComplianceRecord = {
      enrolled: state !== 'not enrolled',
      complianceState: state === 'not enrolled' ? 'unknown' : state,
      observedAtMs,
      ...(deviceId && { deviceId }),
      ...(macs && { macs }),
      ...(gracePeriodEndsMs !== undefined && { gracePeriodEndsMs }),
      ...(Object.keys(details).length > 0 && { details }),
    }
    return { record, freshUntilMs: observedAtMs + freshForMs, ...(held && { held }) }
  })
const key = fc.oneof(
  canonicalMac.map((mac) => `mac/${mac}`),
  guid.map((id) => `deviceId/${id}`),
)
const packed = fc.tuple(key, remembered).map(([own, record]) => packRecord(own, record))
const rest = fc.oneof(
  json,
  fc.dictionary(
    fc.constantFrom('details', 'gracePeriodEndsMs', 'complianceState', 'enrolled', 'observedAtMs', 'macs'),
    fc.oneof(
      json,
      fc.dictionary(fc.constantFrom('model', 'lastSyncMs', 'new'), json),
      fc.constantFrom('compliant', true),
    ),
  ),
)
/** Rows as they could be in a file that somebody edited. */
const row = fc.oneof(
  text,
  mutated(packed),
  fc
    .tuple(
      fc.constantFrom('c-1.1', 'n-1.1|', 'u-kmz.9||', 'xr1.1|=|='),
      fc.constantFrom('|', '||', '|||'),
      rest,
    )
    .map(([head, bars, more]) => `${head}${bars}${JSON.stringify(more)}`),
)
const letters: Readonly<Record<string, string>> = {
  c: 'compliant',
  n: 'noncompliant',
  u: 'unknown',
  x: 'unknown',
}

/** What later code relies on without looking. */
function isWhole({ record, freshUntilMs, held }: RememberedRecord): boolean {
  const {
    enrolled,
    complianceState,
    observedAtMs,
    deviceId,
    macs = [],
    details = {},
    gracePeriodEndsMs = 0,
  } = record
  const { model = '', lastSyncMs = 0 } = details
  return (
    typeof enrolled === 'boolean' &&
    ['compliant', 'noncompliant', 'unknown'].includes(complianceState) &&
    (enrolled || complianceState === 'unknown') &&
    !Number.isNaN(new Date(observedAtMs).getTime()) &&
    freshUntilMs >= observedAtMs &&
    (deviceId === undefined || typeof deviceId === 'string') &&
    macs.every((mac) => typeof mac === 'string') &&
    typeof model === 'string' &&
    typeof lastSyncMs === 'number' &&
    typeof gracePeriodEndsMs === 'number' &&
    [undefined, 'regressed', 'mass_flip'].includes(held)
  )
}

const directory = t.testdir({})
const state = openComplianceState({ directory, tenant: 'fuzz', clock: new FakeClock(), onNotice: () => {} })
state.attach(new RememberedRecords({ maxRecords: 10 }))
// The thread that writes takes a moment to start.
await state.load()
let saved = 0

const template = join(directory, 'template.sqlite')
const made = openStateDatabase(template)
made.database?.write(
  [...Array(50).keys()].map((at) => ({ key: `mac/${at}`, value: 'c-1.1', observedAtMs: at })),
)
made.database?.putDocument('list', '{}', 1)
made.database?.close()
const whole = readFileSync(template)
let files = 0

await fuzz(
  t,
  'state',
  {
    'a record is unpacked as it was packed': fuzzed(
      fc.property(key, remembered, (own, record) => {
        const text = packRecord(own, record)
        const read = unpackRecord(own, text)
        return read !== undefined && isWhole(read) && packRecord(own, read) === text
      }),
    ),
    'a damaged row is a whole record or none, and says what its letter says': fuzzed(
      fc.property(key, row, (own, given) => {
        const read = unpackRecord(own, given)
        return (
          read === undefined ||
          (isWhole(read) &&
            read.record.complianceState === letters[given[0] ?? ''] &&
            read.record.enrolled === (given[0] !== 'x'))
        )
      }),
    ),
    'what is restored from damaged rows can be read and counted': fuzzed(
      fc.property(fc.array(fc.tuple(key, row), { maxLength: 6 }), (rows) => {
        const records = new RememberedRecords({ maxRecords: 3 })
        for (const [own, given] of rows) records.restore(own, given)
        const read = [...records.keys()].map((own) => records.peek(own))
        for (const own of [...records.keys()]) records.delete(own)
        const { c, n, u, x } = records.counts
        return (
          c + n + u + x === 0 &&
          read.length <= 3 &&
          read.every((one) => one !== undefined && isWhole(one)) &&
          records.countObservedSince(Number.NEGATIVE_INFINITY).all === 0
        )
      }),
    ),
    'a damaged list of noncompliant devices is none': fuzzed(
      fc.asyncProperty(
        fc.record({
          listedAtMs: fc.oneof(fc.nat(), json),
          devices: fc.array(
            fc.oneof(
              json,
              fc.record({ macs: fc.oneof(json, fc.array(canonicalMac)), deviceId: fc.oneof(guid, json) }),
            ),
          ),
        }),
        async (list) => {
          saved += 1
          await state.listStore.saveList({ ...list, listedAtMs: saved } as NoncompliantList)
          const read = await state.listStore.loadList()
          return (
            read === undefined ||
            read.devices.every(
              ({ macs, deviceId }) =>
                macs.every((mac) => typeof mac === 'string') &&
                (deviceId === undefined ? macs.length > 0 : typeof deviceId === 'string'),
            )
          )
        },
      ),
    ),
    'a damaged state file is read as far as it goes, or has a problem with a name': fuzzed(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 }),
        fc.option(fc.nat(whole.length), { nil: whole.length }),
        (changes, length) => {
          const bytes = Buffer.from(whole)
          for (const [at, byte] of changes) bytes[at] = byte
          files += 1
          const file = join(directory, `${files}.sqlite`)
          writeFileSync(file, bytes.subarray(0, length))
          const opened = openStateDatabase(file)
          let problem = opened.problem
          try {
            const rows = [...(opened.database?.rows() ?? [])]
            opened.database?.getDocument('list', 0)
            if (!rows.every((one) => typeof one.key === 'string' && typeof one.value === 'string'))
              return false
          } catch (error) {
            problem = describeStateError(error)
          } finally {
            opened.database?.close()
            for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true })
          }
          return problem === undefined || problem.length > 0
        },
      ),
    ),
  },
  async () => {
    await state.close()
  },
)
