/** One element: a text, or element children in order. */
export interface XmlElement {
  readonly name: string
  readonly content: string | readonly XmlElement[]
}

/** Builds an element. `name` is one of our own names and is written as it is; a text is escaped when it is written. */
export function element(name: string, content: string | readonly XmlElement[]): XmlElement {
  return { name, content }
}

/** Builds a list with the element, or an empty one where there is nothing to say: absent is not the same as empty. */
export function optionalElement(name: string, text: string | undefined): XmlElement[] {
  return text === undefined || text === '' ? [] : [{ name, content: text }]
}

/** Writes a document: XML 1.0, UTF-8, no white space between elements. */
export function writeXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${writeElement(root)}`
}

function writeElement({ name, content }: XmlElement): string {
  if (typeof content === 'string') return `<${name}>${escapeXml(content)}</${name}>`
  let inside = ''
  for (const child of content) inside += writeElement(child)
  return `<${name}>${inside}</${name}>`
}

/** What is not a Char of XML 1.0 (section 2.2): no reference can stand for it, so it can only be left out. */
const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu
/** A carriage return would come back as a line feed (section 2.11), and `]]>` is not allowed in text (section 2.4). */
const special = /[&<>"'\r]/g
const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

/** Printable ASCII without a special character: nearly every text, and one look instead of two replacements. */
const plain = /^[ !#-%(-;=?-~]*$/

/** Makes any text of JavaScript safe between tags; control characters and lone surrogates are removed. */
export function escapeXml(text: string): string {
  if (plain.test(text)) return text
  return text.replace(forbidden, '').replace(special, (character) => references[character] ?? '')
}
