/**
 * What is wrong with a text that an editor, a shell or a secret store has spoilt without anybody seeing it; undefined
 * where nothing is. A predicate that follows a name (`ends in a carriage return ...`), and never quotes the text, which
 * may be a secret.
 */
export function describeUnseen(text: string): string | undefined {
  if (/\r\n?$/.test(text)) return 'ends in a carriage return: what it comes from has Windows line ends (CRLF)'
  if (text.endsWith('\n')) return 'ends in an empty line'
  if (text.startsWith('\uFEFF')) return 'begins with a byte order mark (U+FEFF): save the file without one'
  if (/[\0\uFFFD]/.test(text)) return 'is not UTF-8 text: UTF-16 or another encoding'
  const edge = /^[ \t]/.test(text) ? 'begins with' : /[ \t]$/.test(text) ? 'ends in' : undefined
  if (edge !== undefined) return `${edge} a ${/^\t|\t$/.test(text) ? 'tab' : 'space'}`
  if (isQuoted(text)) return 'is in quotes: whatever reads it here takes them as part of it; leave them out'
  const found = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )[\p{Zs}\u2800]/u.exec(text)
  if (found === null) return undefined
  const position = [...text.slice(0, found.index)].length + 1
  return `holds a character that cannot be seen: ${nameOf(found[0])} at position ${position}`
}

const quotes = ['""', "''", '``', '“”', '„“', '‘’', '«»'] as const

function isQuoted(text: string): boolean {
  return text.length > 1 && quotes.includes(`${text[0]}${text.at(-1)}` as (typeof quotes)[number])
}

/** Names of those that are met: pasted from a web page, a chat or a word processor. */
const names: Readonly<Record<string, string>> = {
  '\t': 'tab',
  '\n': 'line feed',
  '\r': 'carriage return',
  '\u00A0': 'no-break space',
  '\u00AD': 'soft hyphen',
  '\u200B': 'zero width space',
  '\u200C': 'zero width non-joiner',
  '\u200D': 'zero width joiner',
  '\u200E': 'left-to-right mark',
  '\u200F': 'right-to-left mark',
  '\u202E': 'right-to-left override',
  '\u2060': 'word joiner',
  '\uFEFF': 'zero width no-break space',
}

function nameOf(character: string): string {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  const name = names[character]
  return name === undefined ? code : `${code} (${name})`
}
