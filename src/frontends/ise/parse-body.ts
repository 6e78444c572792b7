import { failure, type Outcome, success } from '../../errors/fault.ts'
import { parseXml, type XmlElement } from '../../xml/xml-tree.ts'

/** How many devices one request may ask about; each may cost a question to Intune. */
export const maxBatchValues = 200

/** The server limits a body to 64 KiB; these stop what is small and hostile all the same. */
const limits = { maxCharacters: 64 * 1024, maxElements: 2000, maxDepth: 8 }

/** The device that an action or a message is about. */
export interface ActionIdentifier {
  readonly name: 'guid' | 'macaddress'
  readonly value: string
}

/**
 * Reads the body of batchdevices: XML of any shape with `<value>` elements. Gives each text once, in order.
 * Fails with `request_malformed`, and with `body_too_large` above 200 values.
 */
export function parseBatchValues(body: unknown): Outcome<readonly string[]> {
  const root = parseBody(body)
  if (root === undefined) return malformed()
  const texts = elementsNamed(root, ['value']).map(({ text }) => text.trim())
  const values = [...new Set(texts.filter((text) => text !== ''))]
  if (values.length === 0) return failure('request_malformed', 'The request body has no <value> in it.')
  if (values.length > maxBatchValues) {
    return failure('body_too_large', `At most ${maxBatchValues} values are taken in one request.`)
  }
  return success(values)
}

/**
 * Reads which device the body of an action or a message names; nothing where it names none in a way that is known.
 * Fails with `request_malformed` where it is not XML. An empty body names nothing.
 */
export function parseActionIdentifier(body: unknown): Outcome<ActionIdentifier | undefined> {
  if (typeof body !== 'string' || body.trim() === '') return success(undefined)
  const root = parseBody(body)
  if (root === undefined) return malformed()
  const [named] = elementsNamed(root, ['guid', 'macaddress'])
  if (named === undefined || named.text.trim() === '') return success(undefined)
  const name = named.name === 'guid' ? 'guid' : 'macaddress'
  return success({ name, value: named.text.trim().slice(0, 128) })
}

function parseBody(body: unknown): XmlElement | undefined {
  return typeof body === 'string' ? parseXml(body, limits) : undefined
}

function elementsNamed(root: XmlElement, names: readonly string[]): XmlElement[] {
  const own = names.includes(root.name) ? [root] : []
  return [...own, ...root.children.flatMap((child) => elementsNamed(child, names))]
}

function malformed() {
  return failure('request_malformed', 'The request body is not the XML that this address takes.')
}
