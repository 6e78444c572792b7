import type { Clock } from '../clock.ts'
import type { OperatorAction } from '../decision/operator-action.ts'
import type { IdentityAttributes } from '../identity/device-identity.ts'
import type { MaskDevice } from '../identity/mask-device.ts'
import { parseIdentity } from '../identity/parse-identity.ts'

/** Attempts that came to nothing and get a line within a minute: of one caller, and of all. */
const linesPerCaller = 10
const linesInAll = 100
const windowMs = 60_000

/** What the log of actions works with; `write` puts one line into the decision log. */
export interface ActionLogParts {
  readonly mask: MaskDevice
  readonly clock: Clock
  readonly write: (fields: object, msg: string) => void
}

/**
 * What operators do, as lines of the decision log. What somebody known did, or tried and failed at, always has its line.
 * Refused attempts, and every one of somebody unknown, have one each up to ten in a minute of one caller and a hundred of
 * all; a last line of that minute says how many more there were, so that nobody who is not let in can push the rest of the
 * log out of its files.
 */
export class ActionLog {
  readonly #parts: ActionLogParts
  readonly #linesByCaller = new Map<string, number>()
  #lines = 0
  #omitted = 0
  #cancel: (() => void) | undefined

  constructor(parts: ActionLogParts) {
    this.#parts = parts
  }

  note(action: OperatorAction): void {
    if (isLimited(action) && !this.#hasRoom(action)) {
      this.#omitted += 1
      return
    }
    this.#parts.write(presentAction(action, this.#parts.mask), messageOf(action))
  }

  /** Says how many attempts had no line, if any. */
  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#omitted > 0) {
      const fields = { action: 'omitted', result: 'refused', omitted: this.#omitted }
      this.#parts.write(fields, 'more attempts came to nothing than have a line')
    }
    this.#linesByCaller.clear()
    this.#lines = 0
    this.#omitted = 0
  }

  #hasRoom({ client, remoteAddress = '' }: OperatorAction): boolean {
    this.#cancel ??= this.#parts.clock.after(windowMs, () => this.close())
    const caller = client === undefined ? remoteAddress : `client ${client}`
    const ofCaller = this.#linesByCaller.get(caller) ?? 0
    if (this.#lines >= linesInAll || ofCaller >= linesPerCaller) return false
    this.#lines += 1
    this.#linesByCaller.set(caller, ofCaller + 1)
    return true
  }
}

/** A file is changed on the machine, and what was done is told whoever did it. */
function isLimited({ result, client, file }: OperatorAction): boolean {
  return file === undefined && result !== 'done' && (result === 'refused' || client === undefined)
}

/** Every key is always there, and what does not apply is null. */
function presentAction(action: OperatorAction, mask: MaskDevice) {
  const device = action.device && readDevice(action.device)
  return {
    action: action.action,
    result: action.result,
    client: action.client ?? null,
    remoteAddress: action.remoteAddress ?? null,
    route: action.route ?? null,
    file: action.file ?? null,
    matchedBy: device?.kind ?? null,
    device: device ? mask(device.value) : null,
    records: action.records ?? null,
    decisionId: action.decisionId ?? null,
    errorCode: action.errorCode ?? null,
  }
}

/**
 * In the spelling of the decision lines, so that a device is found in both. What names none is not shown: nobody knows
 * what it is, and it may be a secret in the wrong place.
 */
function readDevice({ kind, value }: NonNullable<OperatorAction['device']>) {
  const attributes: IdentityAttributes = { [kind]: value }
  const identity = parseIdentity(attributes)
  if (!identity.ok) return undefined
  const { identifiers, randomizedMac } = identity.value
  const [best] = identifiers
  return best ?? (randomizedMac === undefined ? undefined : { kind: 'mac', value: randomizedMac })
}

function messageOf({ action, result }: OperatorAction): string {
  return `operator action ${result}: ${action}`
}
