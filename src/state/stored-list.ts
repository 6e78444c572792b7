import type { Clock, ClockWitness } from '../clock.ts'
import type { ListedDevice, NoncompliantList } from '../compliance/noncompliant-list.ts'
import type { StateStore } from './state-store.ts'

/** Two milliseconds to write or to read. */
const devicesPerPiece = 2000

/** Says when the list was made and how many pieces it has. */
const headName = 'noncompliant-list'
const piecePrefix = `${headName}/`

/** Where lists are kept, and by which clock they are dated. */
export interface StoredListParts {
  readonly store: Pick<StateStore, 'putDocument' | 'getDocument' | 'forgetDocuments'>
  readonly clock: Pick<Clock, 'nowMs'>
  /** The file is dated by a clock that servers do not contradict. */
  readonly witness: ClockWitness
}

/** More than it takes to say so. */
const longestHead = 200

/**
 * The list of noncompliant devices in the state file, in pieces: written or read as one text, a long one would hold
 * everybody up. The pieces of a list carry its time in their names, and its head is written last, so that a list that
 * another process is just writing is not there yet.
 */
export class StoredList {
  readonly #parts: StoredListParts
  #current: NoncompliantList | undefined

  constructor(parts: StoredListParts) {
    this.#parts = parts
  }

  /** The list that was saved or loaded last, dated as in the file. */
  get current(): NoncompliantList | undefined {
    return this.#current
  }

  /** Saves the list, unless there is a later one: of another process, and not from the future. */
  save({ listedAtMs, devices }: NoncompliantList): Promise<void> {
    return this.#write({ listedAtMs: Math.round(listedAtMs - this.#parts.witness.aheadMs()), devices })
  }

  /** The same with what is known, for another file than before. */
  async saveAgain(): Promise<void> {
    if (this.#current !== undefined) await this.#write(this.#current)
  }

  async #write(list: NoncompliantList): Promise<void> {
    this.#current = list
    const { clock, witness } = this.#parts
    const { listedAtMs, devices } = list
    let pieces = 0
    for (let from = 0; from < devices.length; from += devicesPerPiece) {
      const text = JSON.stringify(devices.slice(from, from + devicesPerPiece))
      if (!(await this.#parts.store.putDocument(pieceName(listedAtMs, pieces), text, listedAtMs))) return
      pieces += 1
    }
    const keepLater = { keepLaterUpToMs: clock.nowMs() - witness.aheadMs() }
    const head = JSON.stringify({ listedAtMs, pieces } satisfies Head)
    if (!(await this.#parts.store.putDocument(headName, head, listedAtMs, keepLater))) return
    // Another process may have written a later one meanwhile.
    const kept = parseHead(await this.#parts.store.getDocument(headName))
    if (kept !== undefined)
      await this.#parts.store.forgetDocuments(piecePrefix, pieceName(kept.listedAtMs, ''))
  }

  /** The saved list if it is another than the one that was last saved or loaded, and whole. */
  async load(): Promise<NoncompliantList | undefined> {
    const head = parseHead(await this.#parts.store.getDocument(headName, this.#current?.listedAtMs))
    if (head === undefined) return undefined
    const devices: ListedDevice[] = []
    for (let number = 0; number < head.pieces; number += 1) {
      const name = pieceName(head.listedAtMs, number)
      const piece = parsePiece(await this.#parts.store.getDocument(name))
      if (piece === undefined) return undefined
      for (const device of piece) devices.push(device)
    }
    this.#current = { listedAtMs: head.listedAtMs, devices }
    return this.#current
  }
}

interface Head {
  readonly listedAtMs: number
  readonly pieces: number
}

function pieceName(listedAtMs: number, number: number | ''): string {
  return `${piecePrefix}${listedAtMs}/${number}`
}

/** Written by `save` into a file that is this service's own; a text that is damaged all the same is no list. */
function parseHead(text: string | undefined): Head | undefined {
  if (text === undefined || text.length > longestHead) return undefined
  const head = parse(text) as Partial<Head> | null | undefined
  const { listedAtMs, pieces } = head ?? {}
  return Number.isFinite(listedAtMs) && Number.isSafeInteger(pieces) ? (head as Head) : undefined
}

function parsePiece(text: string | undefined): readonly ListedDevice[] | undefined {
  const piece = text === undefined ? undefined : parse(text)
  return Array.isArray(piece) && piece.every(isListedDevice) ? piece : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isListedDevice(value: Partial<ListedDevice> | null): boolean {
  if (value === null || !Array.isArray(value.macs) || !value.macs.every(isText)) return false
  return value.deviceId === undefined ? value.macs.length > 0 : isText(value.deviceId)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}
