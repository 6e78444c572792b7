import { maxValues, type RadiusRequest, type RequestAttributeName } from './request-attributes.ts'

/** The length of a RADIUS attribute (RFC 2865 section 5): whatever is longer was put together elsewhere. */
const maxLength = 253

/**
 * The values of an attribute as they are compared and shown, to the letter but for what cannot be shown: a rule that lets
 * in must not take `Guest` and a NUL for `Guest`. What is blank is left out. Undefined, and none of them looked at, where
 * there are more than `maxValues`: nobody can say what such a request means.
 */
export function boundedTexts(
  request: RadiusRequest,
  name: RequestAttributeName,
): readonly string[] | undefined {
  const values = request.get(name)
  if (values === undefined) return none
  return values.length > maxValues ? undefined : values.map(bounded).filter(isSomething)
}

const none: readonly string[] = []

/** False for a text in which there is nothing to read. */
export function isSomething(text: string): boolean {
  return /[^\s\uFFFD]/u.test(text)
}

/**
 * One such text. Control characters, and what comes behind the length of an attribute, become U+FFFD, which is equal to
 * nothing for certain and may be anything to a rule that refuses.
 */
export function bounded(text: string): string {
  if (text.length <= maxLength && /^[\x21-\x7e]+$/.test(text)) return text
  const shown = text.length > maxLength ? `${text.slice(0, maxLength - 1)}\uFFFD` : text
  return shown.replace(/\p{Cc}/gu, '\uFFFD')
}
