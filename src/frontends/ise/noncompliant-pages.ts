import type { NoncompliantDevice } from '../../decision/noncompliant-devices.ts'
import { sortInSlices } from '../../turns/sort-in-slices.ts'
import { turnEvery } from '../../turns/turn-every.ts'

/** The identifier that a list is keyed by: one row a device, or one row for each of its addresses. */
export type ListIdentifier = 'guid' | 'macaddress'

/** One row of a list. */
export interface ListedDevice {
  readonly device: NoncompliantDevice
  /** The device id or MAC address that this row is about. */
  readonly name: string
}

/** Some rows as they were presented, and where the next page starts; 0 where this was the last one. */
export interface DevicePage<Presented> {
  readonly rows: readonly Presented[]
  readonly next: number
}

/** What a page is asked for: `from` is 0 or the `next` of the page before. */
export interface PageRequest<Presented> {
  readonly by: ListIdentifier
  readonly from: number
  /** Undefined leaves a device out, one that policy lets in for example. */
  readonly present: (row: ListedDevice) => Presented | undefined
}

/** Gives a page; rejects only where the list cannot be read. */
export type ReadPage = <Presented>(request: PageRequest<Presented>) => Promise<DevicePage<Presented>>

interface Row extends ListedDevice {
  readonly position: number
}

interface View {
  readonly source: readonly NoncompliantDevice[]
  readonly rows: readonly Row[]
}

/** A millisecond or two, whatever policy has to say about each. */
const rowsPerTurn = 250
/** A millisecond or two to hash. */
const devicesPerTurn = 1000

/**
 * Cuts a list of devices into pages that a walk can rely on while the list changes.
 *
 * Every row has a position of its own, a hash of its name, and a page is "the next rows from this position on". So a
 * walk needs no memory here: it neither expires nor depends on the replica that answers, any number run at once, and a
 * device that is listed throughout is in exactly one page of each. The position is a positive 31-bit integer, because
 * Cisco's description types `paging_info` as an integer. All that is kept is the order of the newest list, which is
 * made in slices, one at a time: a page that is asked for meanwhile waits for it.
 */
export function createPages(list: () => Promise<readonly NoncompliantDevice[]>, maxRows: number): ReadPage {
  const views = new Map<ListIdentifier, View>()
  const underWay = new Map<ListIdentifier, Promise<readonly Row[]>>()

  async function rowsOf(by: ListIdentifier): Promise<readonly Row[]> {
    const source = await list()
    const view = views.get(by)
    if (view?.source === source) return view.rows
    const making = underWay.get(by) ?? make(source, by).finally(() => underWay.delete(by))
    underWay.set(by, making)
    return making
  }

  async function make(source: readonly NoncompliantDevice[], by: ListIdentifier): Promise<readonly Row[]> {
    const rows = await inOrder(source, by)
    views.set(by, { source, rows })
    return rows
  }

  return async <Presented>({ by, from, present }: PageRequest<Presented>) => {
    const all = await rowsOf(by)
    const next = turnEvery(rowsPerTurn)
    const rows: Presented[] = []
    let start = firstFrom(all, from)
    while (start < all.length) {
      const position = all[start]?.position ?? 0
      let end = start
      const together: Presented[] = []
      // Rows of one position stay on one page, else the next would repeat or lose some.
      for (let row = all[end]; row?.position === position; row = all[end]) {
        const turned = next()
        if (turned) await turned
        const presented = present(row)
        if (presented !== undefined) together.push(presented)
        end += 1
      }
      if (rows.length > 0 && rows.length + together.length > maxRows) return { rows, next: position }
      for (const row of together) rows.push(row)
      start = end
    }
    return { rows, next: 0 }
  }
}

async function inOrder(devices: readonly NoncompliantDevice[], by: ListIdentifier): Promise<readonly Row[]> {
  const next = turnEvery(devicesPerTurn)
  const byName = new Map<string, Row>()
  for (const device of devices) {
    const turned = next()
    if (turned) await turned
    // The address of a dock may be known of several devices; it is still one row.
    for (const name of namesOf(device, by)) byName.set(name, { device, name, position: positionOf(name) })
  }
  return sortInSlices([...byName.values()], (a, b) => a.position - b.position || (a.name < b.name ? -1 : 1))
}

function namesOf({ deviceId, macs }: NoncompliantDevice, by: ListIdentifier): readonly string[] {
  if (by === 'macaddress') return macs
  return deviceId === undefined ? [] : [deviceId]
}

/** FNV-1a (draft-eastlake-fnv, 32 bit) without its lowest bit, never 0: the same on every replica. */
function positionOf(name: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  }
  return hash >>> 1 || 1
}

/** Index of the first row at or behind a position. */
function firstFrom(rows: readonly Row[], position: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle]?.position ?? 0) < position) low = middle + 1
    else high = middle
  }
  return low
}
