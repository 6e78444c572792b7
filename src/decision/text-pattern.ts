import { type ContextText, isUnknown, textsOf } from './request-context.ts'

/**
 * Whether a condition holds. `unclear`: its text could not be read for certain and may be the one that the rule means.
 * A rule that refuses or limits counts that as met, a rule that lets in does not.
 */
export type Truth = boolean | 'unclear'

/** What a pattern is written as to hold for texts that are there and that nobody can read. */
export const unknownWord = 'unknown'

/** The predicate of a glob in which `*` stands for any text, also none. Takes time linear in the text for each `*`. */
export function compileGlob(glob: string): (text: string) => boolean {
  const [first = '', ...rest] = glob.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === first
  const middle = rest.filter((part) => part !== '')
  return (text) => {
    if (text.length < first.length + last.length) return false
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let from = first.length
    for (const part of middle) {
      const at = text.indexOf(part, from)
      if (at < 0 || at + part.length > end) return false
      from = at + part.length
    }
    return true
  }
}

/** The predicate of patterns, of which one is enough, for a text that may be unclear. `fold` makes spellings equal. */
export function compileTextPatterns(
  globs: readonly string[],
  fold: (text: string) => string = (text) => text,
): (given: ContextText | undefined) => Truth {
  const exact = globs.map((glob) => compileGlob(fold(glob)))
  const likeGlobs = globs.map((glob) => fold(glob).split('*').map(likeness).join('*'))
  const alike = likeGlobs.map(compileGlob)
  const namesUnknown = globs.includes(unknownWord)
  const matches = (text: string) => {
    const folded = fold(text)
    return exact.some((match) => match(folded))
  }
  const mayMatch = (text: string) => {
    if (matches(text)) return true
    const seen = likeness(fold(text))
    if (!seen.includes(undecodable)) return alike.some((match) => match(seen))
    const wild = wildcardsFor(seen)
    return likeGlobs.some((glob) => overlap(glob, wild))
  }
  return (given) => judge(given, { matches, mayMatch, namesUnknown })
}

/** What a condition looks for: what it means for certain, what it may mean, and whether it has the word for unknown. */
export interface Wanted {
  readonly matches: (text: string) => boolean
  readonly mayMatch: (text: string) => boolean
  readonly namesUnknown: boolean
}

/** Whether a text that may be unclear is what a condition looks for. */
export function judge(given: ContextText | undefined, { matches, mayMatch, namesUnknown }: Wanted): Truth {
  if (given === undefined) return false
  if (typeof given === 'string') return matches(given) || (mayMatch(given) && 'unclear')
  if (namesUnknown && isUnknown(given)) return true
  const { text, alternatives, isOpen, isGuessed } = given
  const isCertain =
    text === undefined
      ? !isOpen && !isGuessed && alternatives.length > 0 && alternatives.every(matches)
      : matches(text)
  return isCertain || ((isOpen || textsOf(given).some(mayMatch)) && 'unclear')
}

/**
 * What a person takes for the same text: composed or not (Unicode NFC, NFD), full width or not, with or without invisible
 * characters and white space around it. On the air the octets decide, so it is never more than `unclear`.
 */
export function likeness(text: string): string {
  // Nearly every text is short and ASCII.
  if (/^[\x21-\x7e]*$/.test(text)) return text
  return text
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(/\s+/gu, ' ')
    .trim()
}

/** What octets that are not UTF-8 have become. */
const undecodable = '\uFFFD'

/** In encodings of two octets the second one may be ASCII from 0x30 on, so it is no more certain than the first. */
function wildcardsFor(text: string): string {
  return text.replaceAll('*', undecodable).replace(/\uFFFD[\x30-\x7e]?/g, '*')
}

/** True where some text is matched by both globs. */
function overlap(one: string, other: string): boolean {
  // reachable[j]: the part of `one` so far and the first j units of `other` have a text in common.
  let reachable = Array.from({ length: other.length + 1 }, (_, j) => isAllStars(other.slice(0, j)))
  for (let i = 0; i < one.length; i += 1) {
    const next = [one[i] === '*' && reachable[0] === true]
    for (let j = 1; j <= other.length; j += 1) {
      const isStar = one[i] === '*' || other[j - 1] === '*'
      next.push(
        isStar
          ? next[j - 1] === true || reachable[j] === true
          : one[i] === other[j - 1] && reachable[j - 1] === true,
      )
    }
    reachable = next
  }
  return reachable[other.length] === true
}

function isAllStars(glob: string): boolean {
  return /^\**$/.test(glob)
}
