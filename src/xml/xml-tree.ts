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
  /** Of those that are held at once: one that was taken away counts no more, nor does what is in it. */
  readonly maxElements: number
  readonly maxDepth: number
  /** Of the text directly inside one element; without it `maxCharacters` is the limit. */
  readonly maxTextCharacters?: number
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
  const tree = new XmlTree(limits)
  tree.write(text)
  return tree.end()
}

/**
 * The same for a document that comes in pieces. Elements that stand at `taken`, a path of names from the root on, are
 * handed to `take` as soon as they are complete, and not kept: a long list costs the memory of one row.
 */
export class XmlTree {
  readonly #parser = new SaxesParser()
  readonly #limits: XmlLimits
  readonly #open: GrowingElement[] = []
  #root: GrowingElement | undefined
  #isRefused = false
  #characters = 0
  #elements = 0

  constructor(
    limits: XmlLimits,
    taken: readonly string[] = [],
    take: (element: XmlElement) => void = () => {},
  ) {
    this.#limits = limits
    const open = this.#open
    const depth = taken.length - 1
    const isTaken = () => open.length === taken.length && taken.every((name, at) => open[at]?.name === name)
    let elementsBefore = 0

    this.#parser.on('error', refuse)
    this.#parser.on('doctype', refuse)
    this.#parser.on('opentag', (tag) => {
      const writtenName = tag.name.slice(tag.name.lastIndexOf(':') + 1)
      const element: GrowingElement = {
        name: writtenName.toLowerCase(),
        writtenName,
        text: '',
        children: [],
        ...(isNil(tag.attributes) && { isNil: true }),
      }
      open.push(element)
      if (isTaken()) elementsBefore = this.#elements
      else if (open.length === 1) this.#root = element
      else open.at(-2)?.children.push(element)
      this.#elements += 1
      if (this.#elements > limits.maxElements || open.length > limits.maxDepth) refuse()
    })
    this.#parser.on('closetag', () => {
      const element = open.length === depth + 1 && isTaken() ? open.at(-1) : undefined
      open.pop()
      if (element === undefined) return
      this.#elements = elementsBefore
      // What only sets off the rows of a long list must not come to be a long text.
      const parent = open.at(-1)
      if (parent) parent.text = parent.text.trim()
      take(element)
    })
    this.#parser.on('text', (text) => this.#addText(text))
    this.#parser.on('cdata', (text) => this.#addText(text))
  }

  /** Takes the next piece; false as soon as the document is refused, and nothing more of it is looked at. */
  write(text: string): boolean {
    this.#characters += text.length
    if (this.#characters > this.#limits.maxCharacters) this.#isRefused = true
    return this.#attempt(() => this.#parser.write(text))
  }

  /** The root element after the last piece, or nothing where the document is refused. */
  end(): XmlElement | undefined {
    return this.#attempt(() => this.#parser.close()) ? this.#root : undefined
  }

  #attempt(step: () => void): boolean {
    if (this.#isRefused) return false
    try {
      step()
    } catch {
      this.#isRefused = true
    }
    return !this.#isRefused
  }

  #addText(text: string): void {
    const element = this.#open.at(-1)
    if (element === undefined) return
    element.text += text
    if (element.text.length > (this.#limits.maxTextCharacters ?? this.#limits.maxCharacters)) refuse()
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
