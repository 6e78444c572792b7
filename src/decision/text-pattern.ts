import { rememberLast } from './remember-last.ts'
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
  return parseGlob(glob).matches
}

/** A glob, and the literal texts at its ends. */
interface Glob {
  readonly glob: string
  readonly hasStar: boolean
  readonly first: string
  readonly last: string
  readonly matches: (text: string) => boolean
}

function parseGlob(glob: string): Glob {
  const [first = '', ...rest] = glob.split('*')
  const last = rest.pop()
  if (last === undefined) {
    return { glob, hasStar: false, first, last: first, matches: (text) => text === first }
  }
  const middle = rest.filter((part) => part !== '')
  const matches = (text: string) => {
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
  return { glob, hasStar: true, first, last, matches }
}

/** The predicate of patterns, of which one is enough, for a text that may be unclear. `fold` makes spellings equal. */
export function compileTextPatterns(
  globs: readonly string[],
  fold: Fold = asItIs,
): (given: ContextText | undefined) => Truth {
  const exact = globs.map((glob) => compileGlob(fold(glob)))
  const alike = globs.map((glob) => parseGlob(fold(glob).split('*').map(likeness).join('*')))
  const matches = ({ folded }: ReadText) => exact.some((match) => match(folded))
  const mayMatch = (text: ReadText) => {
    if (matches(text)) return true
    const { seen, wild } = text
    return alike.some((glob) => (wild === undefined ? glob.matches(seen) : overlap(glob, wild)))
  }
  const wanted = { read: readerFor(fold), matches, mayMatch, namesUnknown: globs.includes(unknownWord) }
  return (given) => judge(given, wanted)
}

type Fold = (text: string) => string

const asItIs: Fold = (text) => text

/** A text as patterns look at it. */
interface ReadText {
  readonly folded: string
  readonly seen: string
  /** What it may be; absent where all of it is legible. */
  readonly wild?: Glob
}

type Reader = (given: ContextText) => readonly ReadText[]

const readers = new WeakMap<Fold, Reader>()

/** One for each fold, which all patterns share. */
function readerFor(fold: Fold): Reader {
  const known = readers.get(fold)
  if (known !== undefined) return known
  const reader = rememberLast((given: ContextText) => textsOf(given).map((text) => readText(fold(text))))
  readers.set(fold, reader)
  return reader
}

function readText(folded: string): ReadText {
  const seen = likeness(folded)
  if (!seen.includes(undecodable)) return { folded, seen }
  return { folded, seen, wild: parseGlob(wildcardsFor(seen)) }
}

/** What a condition looks for: what it means for certain, what it may mean, and whether it has the word for unknown. */
export interface Wanted<Read> {
  /** What it makes of the texts, in the order of `textsOf`. */
  readonly read: (given: ContextText) => readonly Read[]
  readonly matches: (text: Read) => boolean
  readonly mayMatch: (text: Read) => boolean
  readonly namesUnknown: boolean
}

/** Whether a text that may be unclear is what a condition looks for. */
export function judge<Read>(
  given: ContextText | undefined,
  { read, matches, mayMatch, namesUnknown }: Wanted<Read>,
): Truth {
  if (given === undefined) return false
  if (namesUnknown && isUnknown(given)) return true
  const texts = read(given)
  if (typeof given === 'string') return texts.some(matches) || (texts.some(mayMatch) && 'unclear')
  const { text, isOpen, isGuessed } = given
  const mayBe = text === undefined ? texts : texts.slice(0, 1)
  const isRelied = text !== undefined || (!isOpen && !isGuessed && texts.length > 0)
  return (isRelied && mayBe.every(matches)) || ((isOpen || texts.some(mayMatch)) && 'unclear')
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

/**
 * True where some text is matched by both globs, of which the second has a `*`. Where the first has one too, only their
 * ends have to agree: everything between can stand one behind the other, first that of the one and then that of the other.
 */
function overlap(glob: Glob, wild: Glob): boolean {
  if (!glob.hasStar) return wild.matches(glob.glob)
  const begins = glob.first.startsWith(wild.first) || wild.first.startsWith(glob.first)
  return begins && (glob.last.endsWith(wild.last) || wild.last.endsWith(glob.last))
}
