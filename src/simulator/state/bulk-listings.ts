import { randomBytes } from 'node:crypto'
import type { Device } from './devices.ts'
import type { Variants } from './variants.ts'

const minuteMs = 60_000

/** How often the list may be asked for: "once every four hours" (Microsoft, network access control integration). */
const intervalMs = 4 * 60 * minuteMs
const windowMs = 60 * minuteMs

/** A row of the list: the device, and the MAC by which it is listed where MACs were asked for. */
export interface BulkRow {
  readonly device: Device
  readonly mac?: string
}

/** A part of a list, and the token of the next one. */
export interface BulkPage {
  readonly rows: readonly BulkRow[]
  readonly nextToken?: string
}

/** The lists of all noncompliant devices that the tenant was asked for, one allowance for all dialects. */
export interface BulkListings {
  /** Whether a list may be asked for now. Only an allowed call counts against the next. */
  admit(nowMs: number, rule: Variants['bulkRule']): boolean
  /** The first page of a new list; the tokens of an older one are worth nothing any more. */
  open(rows: readonly BulkRow[], paging: Pick<Variants, 'bulkPageSize' | 'bulkPaging'>): BulkPage
  /** A later page, as often as asked; undefined for a token that was not handed out. */
  continue(token: string): BulkPage | undefined
  clear(): void
}

/** Makes the listings of a tenant that was never asked. */
export function createBulkListings(): BulkListings {
  let admittedAtMs: number | undefined
  let pages = new Map<string, BulkPage>()

  return {
    admit(nowMs, rule) {
      if (rule === 'off') return true
      const ageMs = admittedAtMs === undefined ? Number.POSITIVE_INFINITY : nowMs - admittedAtMs
      if (ageMs < intervalMs) return rule === 'window' && ageMs < windowMs
      admittedAtMs = nowMs
      return true
    },
    open(rows, { bulkPageSize, bulkPaging }) {
      pages = new Map()
      const size = bulkPageSize ?? rows.length
      const parts: BulkRow[][] = []
      for (let start = 0; start < rows.length; start += size) parts.push(rows.slice(start, start + size))
      const [first = [], ...later] = parts
      const tokens = later.map(() => randomBytes(18).toString('base64url'))
      later.forEach((part, number) => {
        const token = tokens[number] ?? ''
        const nextToken = bulkPaging === 'repeats_token' ? token : tokens[number + 1]
        pages.set(token, { rows: part, ...(nextToken !== undefined && { nextToken }) })
      })
      return { rows: first, ...(tokens[0] !== undefined && { nextToken: tokens[0] }) }
    },
    continue: (token) => pages.get(token),
    clear() {
      admittedAtMs = undefined
      pages = new Map()
    },
  }
}
