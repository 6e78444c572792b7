import { z } from 'zod'
import type { DeviceConditionName, WantedDevices } from '../decision/device-conditions.ts'
import { unknownWord } from '../decision/text-pattern.ts'
import { parseSerialNumber } from '../identity/hardware-identifiers.ts'
import { parseDeviceId } from '../identity/intune-device-id.ts'
import { parseMacAddress } from '../identity/mac-address.ts'
import { decodeUtf8 } from '../text/utf8-text.ts'
import { turnEvery } from '../turns/turn-every.ts'
import type { FileProblem } from '../yaml/parse-yaml.ts'

const maxEntries = 500_000
/** Of a file in which everything is wrong the first lines say enough. */
const maxProblems = 20
/** A millisecond or two. */
const linesPerTurn = 1000
/** A longer list belongs into a file of its own. */
const maxValues = 200

/** What is wrong with a text that is no identifier; it is never quoted, since it may name a device. */
const notOne: Readonly<Record<DeviceConditionName, string>> = {
  deviceId: 'is not an Intune device id: write a GUID, which is not all zeros',
  mac: 'is not the MAC address of one device: write 12 hex digits, with separators or not',
  serialNumber:
    'is not a serial number of one device: write 1 to 128 printable ASCII characters, no filler and no *',
}

/** Serial numbers may have spaces and # in them. Half of one would be another device, and the one that is meant comes in. */
const unclearComment =
  'may be a comment or part of the serial number: write a space behind the # of a comment, and a serial number with # behind a space as a value of the policy, in quotes'

/** The canonical form in which requests and records have the identifier; undefined where the text is none. */
function canonical(kind: DeviceConditionName, text: string): string | undefined {
  switch (kind) {
    case 'deviceId': {
      const id = parseDeviceId(text)
      return id.ok ? id.value : undefined
    }
    case 'mac': {
      const mac = parseMacAddress(text)
      return mac.ok ? mac.value.value : undefined
    }
    case 'serialNumber': {
      const serial = text.includes('*') ? undefined : parseSerialNumber(text)
      return serial?.ok ? serial.value : undefined
    }
  }
}

/** The schema of a condition that names devices: a value, `{ file }`, or a list of both. */
export function devices(kind: DeviceConditionName, noun: string) {
  const value = z
    .string('must be a text, in quotes where it has digits alone; or { file: LIST }')
    .transform((text, context) => {
      if (text === unknownWord) return text
      const found = canonical(kind, text)
      if (found !== undefined) return found
      context.addIssue({ code: 'custom', message: notOne[kind] })
      return z.NEVER
    })
  const file = z
    .strictObject(
      {
        file: z
          .string('must be the path of a file')
          .min(1, 'must be the path of a file')
          .max(1024, 'must be at most 1024 characters')
          .regex(/^\P{C}*$/u, 'must not have control characters in it'),
      },
      'must be a text, in quotes where it has digits alone; or { file: LIST }',
    )
    .meta({
      description: `A list file: one a line; # at the start of a line or behind white space begins a comment. Below the directory of this file.`,
    })
  const one = z.union([value, file])
  return z
    .union([
      one,
      z
        .array(one)
        .min(1, 'must not be empty; leave the key out for any')
        .max(maxValues, `must be at most ${maxValues}; put more into a list file: { file: LIST }`),
    ])
    .transform((given): WantedDevices => {
      const all = [given].flat()
      const texts = all.filter((item) => typeof item === 'string')
      return {
        values: [...new Set(texts.filter((text) => text !== unknownWord))],
        files: [...new Set(all.flatMap((item) => (typeof item === 'string' ? [] : [item.file])))],
        namesUnknown: texts.includes(unknownWord),
      }
    })
    .meta({
      description: `Devices by ${noun}, in any usual spelling, or { file: LIST }; whichever identifier a request names. unknown: nobody says.`,
    })
}

/** What a list file holds, in canonical form, or everything that is wrong with it. */
export type ReadDevices =
  | { readonly devices: ReadonlySet<string> }
  | { readonly problems: readonly FileProblem[] }

/** Reads the content of a list file. */
export function readDeviceList(kind: DeviceConditionName, content: Uint8Array): ReadDevices {
  const reading = readLines(kind, content)
  for (;;) {
    const step = reading.next()
    if (step.done) return step.value
  }
}

/** The same in slices, while a service answers. */
export async function readDeviceListInSlices(
  kind: DeviceConditionName,
  content: Uint8Array,
): Promise<ReadDevices> {
  const reading = readLines(kind, content)
  const next = turnEvery(linesPerTurn)
  for (;;) {
    const step = reading.next()
    if (step.done) return step.value
    const turned = next()
    if (turned) await turned
  }
}

function* readLines(
  kind: DeviceConditionName,
  content: Uint8Array,
): Generator<undefined, ReadDevices, undefined> {
  const decoded = decodeUtf8(content)
  if (decoded.problem !== undefined) return { problems: [decoded] }
  const { text } = decoded
  const devices = new Set<string>()
  const problems: FileProblem[] = []
  let line = 0
  for (let start = 0; start < text.length && problems.length < maxProblems; ) {
    yield
    line += 1
    const feed = text.indexOf('\n', start)
    const end = feed === -1 ? text.length : feed
    const whole = text.slice(start, end)
    start = end + 1
    const written = whole.replace(/(?<!\S)#.*/, '')
    if (written.trim() === '') continue
    const unclear = kind === 'serialNumber' ? whole.search(/(?<!\S)#/) : -1
    if (unclear !== -1 && /\S/.test(whole.charAt(unclear + 1))) {
      problems.push({ line, column: unclear + 1, problem: unclearComment })
      continue
    }
    const found = canonical(kind, written)
    if (found !== undefined) devices.add(found)
    else problems.push({ line, column: written.search(/\S/) + 1, problem: notOne[kind] })
    if (devices.size > maxEntries) return wholeFile(`the file has more than ${maxEntries} devices`)
  }
  return problems.length > 0 ? { problems } : { devices }
}

function wholeFile(problem: string): ReadDevices {
  return { problems: [{ line: 1, column: 1, problem }] }
}
