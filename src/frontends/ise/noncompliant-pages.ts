import type { NoncompliantDevice } from '../../decision/noncompliant-devices.ts'

/** The identifier that a list is keyed by: one row a device, or one row for each of its addresses. */
export type ListIdentifier = 'guid' | 'macaddress'

/** One row of a list. */
export interface ListedDevice {
  readonly device: NoncompliantDevice
  /** The device id or MAC address that this row is about. */
  readonly name: string
}

/** Some rows, and where the next page starts; 0 where this was the last one. */
export interface DevicePage {
  readonly rows: readonly ListedDevice[]
  readonly next: number
}

/** What a page is asked for: `from` is 0 or the `next` of the page before. */
export interface PageRequest {
  readonly by: ListIdentifier
  readonly from: number
  /** False leaves a device out, one that policy lets in for example. */
  readonly isListed: (device: NoncompliantDevice) => boolean
}

interface Row extends ListedDevice {
  readonly position: number
}

interface View {
  readonly source: readonly NoncompliantDevice[]
  readonly rows: readonly Row[]
}

/**
 * Cuts a list of devices into pages that a walk can rely on while the list changes.
 *
 * Every row has a position of its own, a hash of its name, and a page is "the next rows from this position on". So a
 * walk needs no memory here: it neither expires nor depends on the replica that answers, any number run at once, and a
 * device that is listed throughout is in exactly one page of each. The position is a positive 31-bit integer, because
 * Cisco's description types `paging_info` as an integer. All that is kept is the order of the newest list.
 */
export function createPages(
  list: () => readonly NoncompliantDevice[],
  maxRows: number,
): (request: PageRequest) => DevicePage {
  const views = new Map<ListIdentifier, View>()

  function rowsOf(by: ListIdentifier): readonly Row[] {
    const source = list()
    const view = views.get(by)
    if (view?.source === source) return view.rows
    const rows = inOrder(source, by)
    views.set(by, { source, rows })
    return rows
  }

  return ({ by, from, isListed }) => {
    const all = rowsOf(by)
    const rows: Row[] = []
    let start = firstFrom(all, from)
    while (start < all.length) {
      const position = all[start]?.position ?? 0
      let end = start
      const together: Row[] = []
      // Rows of one position stay on one page, else the next would repeat or lose some.
      for (let row = all[end]; row?.position === position; row = all[end]) {
        if (isListed(row.device)) together.push(row)
        end += 1
      }
      if (rows.length > 0 && rows.length + together.length > maxRows) return { rows, next: position }
      rows.push(...together)
      start = end
    }
    return { rows, next: 0 }
  }
}

function inOrder(devices: readonly NoncompliantDevice[], by: ListIdentifier): readonly Row[] {
  const byName = new Map<string, Row>()
  for (const device of devices) {
    // The address of a dock may be known of several devices; it is still one row.
    for (const name of namesOf(device, by)) byName.set(name, { device, name, position: positionOf(name) })
  }
  return [...byName.values()].sort((a, b) => a.position - b.position || (a.name < b.name ? -1 : 1))
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
