import type { RadiusRequest, RequestAttributeName } from './request-attributes.ts'

/**
 * The values of an attribute as they are compared and shown: no RADIUS attribute is longer than 253 octets, and nothing
 * that is compared with a rule has control characters. What is blank then is left out.
 */
export function boundedTexts(request: RadiusRequest, name: RequestAttributeName): readonly string[] {
  const values = request.get(name)
  return values === undefined ? none : values.map(bounded).filter((text) => text !== '')
}

const none: readonly string[] = []

/** One such text; empty where it is blank. */
export function bounded(text: string): string {
  if (text.length <= 253 && /^[\x21-\x7e]+$/.test(text)) return text
  return text
    .slice(0, 253)
    .replace(/\p{Cc}/gu, ' ')
    .trim()
}
