import { SaxesParser } from 'saxes'

/** One element: its local name in lower case, the text directly inside it, its element children in order. */
export interface XmlElement {
  readonly name: string
  /** The local name as it was written. */
  readonly writtenName: string
  readonly text: string
  readonly children: readonly XmlElement[]
  /** Set where `nil` says that there is no value, which is not the same as an empty one (XML Schema part 1, 2.6.2). */
  readonly isNil?: true
}

/** How much of a hostile document is looked at before giving up. */
export interface XmlLimits {
  readonly maxCharacters: number
  readonly maxElements: number
  readonly maxDepth: number
}

interface GrowingElement extends XmlElement {
  text: string
  readonly children: GrowingElement[]
}

/**
 * Parses well-formed XML 1.0 into its root element, or gives nothing when the text is not well-formed, carries a
 * DOCTYPE (and so could declare entities) or exceeds a limit. Prefixes, namespaces and attributes other than `nil` are
 * dropped: DataContract serialisers change them freely.
 */
export function parseXml(text: string, limits: XmlLimits): XmlElement | undefined {
  if (text.length > limits.maxCharacters) return undefined
  let root: GrowingElement | undefined
  let elements = 0
  const open: GrowingElement[] = []
  const parser = new SaxesParser()

  parser.on('error', refuse)
  parser.on('doctype', refuse)
  parser.on('opentag', (tag) => {
    elements += 1
    if (elements > limits.maxElements || open.length >= limits.maxDepth) refuse()
    const writtenName = tag.name.slice(tag.name.lastIndexOf(':') + 1)
    const element: GrowingElement = {
      name: writtenName.toLowerCase(),
      writtenName,
      text: '',
      children: [],
      ...(isNil(tag.attributes) && { isNil: true }),
    }
    const parent = open.at(-1)
    if (parent) parent.children.push(element)
    else root = element
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  parser.on('text', addText)
  parser.on('cdata', addText)

  try {
    parser.write(text).close()
    return root
  } catch {
    return undefined
  }

  function addText(characters: string) {
    const element = open.at(-1)
    if (element) element.text += characters
  }
}

/** Stops the parser at once: saxes would otherwise go on reading after an error. */
function refuse(): never {
  throw new Error('refused')
}

function isNil(attributes: Readonly<Record<string, string>>): boolean {
  for (const name in attributes) {
    if (/(?:^|:)nil$/i.test(name)) return /^\s*(?:true|1)\s*$/i.test(attributes[name] ?? '')
  }
  return false
}
