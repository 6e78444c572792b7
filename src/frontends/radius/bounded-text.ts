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

function bounded(text: string): string {
  return text
    .slice(0, 253)
    .replace(/\p{Cc}/gu, ' ')
    .trim()
}
