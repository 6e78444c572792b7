/** One element, as it is written: tags and escaped texts. */
export interface XmlElement {
  readonly xml: string
}

/**
 * Writes an element with a text, which is escaped, or with element children in order, of which some may not be there.
 * `name` is one of our own names and is written as it is.
 */
export function element(name: string, content: string | readonly (XmlElement | undefined)[]): XmlElement {
  if (typeof content === 'string') return { xml: `<${name}>${escapeXml(content)}</${name}>` }
  let inside = ''
  for (const child of content) if (child !== undefined) inside += child.xml
  return { xml: `<${name}>${inside}</${name}>` }
}

/** Writes the element, or none where there is nothing to say: absent is not the same as empty. */
export function optionalElement(name: string, text: string | undefined): XmlElement | undefined {
  return text === undefined || text === '' ? undefined : element(name, text)
}

/** Writes a document: XML 1.0, UTF-8, no white space between elements. */
export function writeXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root.xml}`
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
