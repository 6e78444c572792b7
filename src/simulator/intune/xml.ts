import type { WireReply } from '../exchange.ts'

/** An XML element: text, children, or null for `i:nil="true"`. An empty text is written self-closed. */
export interface XmlElement {
  readonly name: string
  readonly content: string | null | readonly XmlElement[]
}

/** Makes an element. */
export function element(name: string, content: XmlElement['content']): XmlElement {
  return { name, content }
}

/** Writes an element; `attributes` is put into the start tag as it is. */
export function writeXml({ name, content }: XmlElement, attributes = ''): string {
  if (content === null) return `<${name}${attributes} i:nil="true"/>`
  if (content.length === 0) return `<${name}${attributes}/>`
  const inner =
    typeof content === 'string' ? escapeText(content) : content.map((child) => writeXml(child)).join('')
  return `<${name}${attributes}>${inner}</${name}>`
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** An XML answer. */
export function xmlReply(body: string): WireReply {
  return { status: 200, contentType: 'application/xml; charset=utf-8', body }
}
