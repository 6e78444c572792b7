import type { ListedDevice } from '../compliance/noncompliant-list.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { turnEvery } from '../turns/turn-every.ts'
import { type XmlElement, type XmlLimits, XmlTree } from '../xml/xml-tree.ts'
import { findDeviceList, nextPageOf } from './ise-device-list.ts'
import { agreedFlag, isNilGuid, normaliseGuid, normaliseMac, parseGuid } from './wire-values.ts'

/** Largest page that is read. */
export const maxPageBytes = 32 * 1024 * 1024

/** Elements of one row, and of what stands around the rows. */
const XML_LIMITS: XmlLimits = {
  maxCharacters: maxPageBytes,
  maxElements: 20_000,
  maxDepth: 16,
  maxTextCharacters: 4096,
}
const ROW = ['ise_api', 'devicelist', 'device'] as const

/** Two milliseconds to parse. */
const SLICE_BYTES = 32 * 1024

const MAC = /^[0-9A-F]{12}$/
/** More than a device can have; what one row names besides is a mistake, and is left out. */
const MAX_MACS = 32

/** What one page says besides its rows. */
export interface PageEnd {
  readonly nextToken?: string
}

/**
 * Reads one page of the list as it came from the network, a slice at a time, with turns of the event loop in between,
 * and gives every row away as soon as it is there. A row that is not plainly registered and noncompliant, or has no
 * usable id, is left out. `take` says false where it wants no more. Faults: `intune_reply_malformed`.
 */
export async function readNoncompliantPage(
  pieces: readonly Uint8Array[],
  take: (device: ListedDevice) => void,
): Promise<Outcome<PageEnd>> {
  let rows = 0
  let understood = 0
  const tree = new XmlTree(XML_LIMITS, ROW, (element) => {
    rows += 1
    const device = readRow(element)
    if (device === undefined) return
    understood += 1
    take(device)
  })
  const decoder = new TextDecoder()
  const next = turnEvery(1)
  for (const slice of slicesOf(pieces)) {
    if (!tree.write(decoder.decode(slice, { stream: true }))) break
    await next()
  }
  tree.write(decoder.decode())
  const root = tree.end()
  if (root?.name !== 'ise_api')
    return malformed('Intune answered with something that is not an <ise_api> document')
  if (findDeviceList(root, rows) === undefined) return malformed('Intune answered without a list of devices')
  if (rows > 0 && understood === 0) return malformed('no row of the list could be understood')
  const nextToken = nextPageOf(root)
  if (nextToken === undefined) return malformed('Intune sent a page that is followed by two others')
  return success(nextToken === '0' ? {} : { nextToken })
}

/** The bytes in their order, at most `SLICE_BYTES` together; small pieces are joined, or each would cost a turn. */
function* slicesOf(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = []
  let bytes = 0
  for (const piece of pieces) {
    if (bytes + piece.length <= SLICE_BYTES) {
      small.push(piece)
      bytes += piece.length
      continue
    }
    if (small.length > 0) yield Buffer.concat(small)
    for (let from = 0; from < piece.length; from += SLICE_BYTES) {
      yield piece.subarray(from, from + SLICE_BYTES)
    }
    small = []
    bytes = 0
  }
  if (small.length > 0) yield Buffer.concat(small)
}

function readRow(device: XmlElement): ListedDevice | undefined {
  const holders = [device, ...device.children.filter((child) => child.name === 'attributes')]
  const every = (name: string) => holders.flatMap((holder) => values(holder, name))
  const statuses = holders
    .flatMap((holder) => holder.children.filter((child) => child.name === 'compliance'))
    .flatMap((compliance) => values(compliance, 'status'))
  if (agreedFlag(every('register_status')) !== true || agreedFlag(statuses) !== false) return undefined
  const guids = new Set(
    every('guid')
      .map(normaliseGuid)
      .filter((guid) => !isNilGuid(guid)),
  )
  // A row that names two devices would condemn one of them for the other.
  if (guids.size > 1) return undefined
  const deviceId = parseGuid([...guids][0])
  const macs = [...new Set(every('macaddress').map(normaliseMac))].filter((mac) => MAC.test(mac))
  if (deviceId === undefined && macs.length === 0) return undefined
  return { ...(deviceId !== undefined && { deviceId }), macs: macs.slice(0, MAX_MACS) }
}

function values(element: XmlElement, name: string): string[] {
  return element.children
    .filter((child) => child.name === name)
    .map((child) => child.text.trim())
    .filter((text) => text !== '')
}

function malformed(message: string) {
  return failure('intune_reply_malformed', message, { hop: 'bulk' })
}
