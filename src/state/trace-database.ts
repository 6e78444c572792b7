import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type DatabaseForm, inTransaction, openOwnedDatabase } from './owned-database.ts'

/** The story of one decision as it is stored; the text is opaque here. */
export interface StoredTrace {
  readonly decisionId: string
  readonly decidedAtMs: number
  /** Identifiers that it can be found by, as they are shown. */
  readonly devices: readonly string[]
  readonly text: string
}

/** Which stories are looked for, and how many at most. */
export interface StoredSearch {
  readonly limit: number
  /** When they were decided: from and to, milliseconds since the epoch, both included. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** All of them: the text at one of the JSON paths, or one of its parts around ` or `, is one of the lower-case values. */
  readonly where?: readonly { readonly paths: readonly string[]; readonly values: readonly string[] }[]
}

/** What is no JSON fits nothing; AND alone would not keep json_extract from reading it. */
const condition = `CASE WHEN json_valid(text) THEN NOT EXISTS (
  SELECT 1 FROM json_each(:where) AS one WHERE NOT EXISTS (
    SELECT 1 FROM json_each(one.value, '$.paths') AS path, json_each(one.value, '$.values') AS wanted
    WHERE instr(' or ' || lower(json_extract(text, path.value)) || ' or ', ' or ' || wanted.value || ' or ') > 0
  )) ELSE 0 END`

const form: DatabaseForm = {
  /** `inat` */
  applicationId: 0x696e6174,
  schemaVersion: 1,
  schema: `
    CREATE TABLE IF NOT EXISTS traces (
      number INTEGER PRIMARY KEY, id TEXT NOT NULL, decided_at INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS traces_by_id ON traces (id);
    CREATE TABLE IF NOT EXISTS devices (
      device TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (device, number)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS devices_by_number ON devices (number)`,
}

/**
 * The stories of decisions in the order in which they were written, which is that of their numbers, by several processes
 * too. Every function may throw; describeStateError reads the errors.
 */
export class TraceDatabase {
  readonly #database: DatabaseSync
  readonly #add: StatementSync
  readonly #addDevice: StatementSync

  constructor(file: string) {
    this.#database = openOwnedDatabase(file, form)
    try {
      this.#add = this.#database.prepare('INSERT INTO traces (id, decided_at, text) VALUES (?, ?, ?)')
      this.#addDevice = this.#database.prepare('INSERT OR IGNORE INTO devices (device, number) VALUES (?, ?)')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  append(traces: readonly StoredTrace[]): void {
    inTransaction(this.#database, () => {
      for (const { decisionId, decidedAtMs, devices, text } of traces) {
        const { lastInsertRowid } = this.#add.run(decisionId, decidedAtMs, text)
        for (const device of devices) this.#addDevice.run(device, lastInsertRowid)
      }
    })
  }

  /** The text of a decision that was made at `sinceMs` or later. */
  find(decisionId: string, sinceMs: number): string | undefined {
    const row = this.#database
      .prepare('SELECT text FROM traces WHERE id = ? AND decided_at >= ?')
      .get(decisionId, sinceMs)
    return typeof row?.text === 'string' ? row.text : undefined
  }

  /** The texts about any of the devices that fit, newest first; about whatever device where none is given. */
  latest(devices: readonly string[] | undefined, search: StoredSearch): readonly string[] {
    const { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, where = [], limit } = search
    const found =
      devices === undefined
        ? ''
        : 'AND number IN (SELECT number FROM devices WHERE device IN (SELECT value FROM json_each(:devices)))'
    const fits = where.length === 0 ? '' : `AND ${condition}`
    const rows = this.#database
      .prepare(
        `SELECT text FROM traces WHERE decided_at BETWEEN :sinceMs AND :untilMs ${found} ${fits}
         ORDER BY number DESC LIMIT :limit`,
      )
      .all({
        sinceMs,
        untilMs,
        limit,
        ...(devices && { devices: JSON.stringify(devices) }),
        ...(where.length > 0 && { where: JSON.stringify(where) }),
      })
    return rows.map(({ text }) => String(text))
  }

  /** Removes what was decided before `beforeMs`, and the oldest of more than `maxTraces`. */
  prune(beforeMs: number, maxTraces: number): void {
    inTransaction(this.#database, () => {
      const firstKept = this.#database
        .prepare(
          `SELECT max(
             coalesce((SELECT number FROM traces WHERE decided_at >= ? ORDER BY number LIMIT 1),
                      (SELECT max(number) + 1 FROM traces), 0),
             coalesce((SELECT max(number) FROM traces), 0) - ? + 1
           ) AS number`,
        )
        .get(beforeMs, maxTraces)
      const number = Number(firstKept?.number)
      this.#database.prepare('DELETE FROM devices WHERE number < ?').run(number)
      this.#database.prepare('DELETE FROM traces WHERE number < ?').run(number)
    })
  }

  close(): void {
    this.#database.close()
  }
}
