import type { ErrorCode } from 'yaml'

/**
 * What is wrong, and what to do, for each kind of mistake that the parser finds. Its own sentences quote the text, which
 * may be a secret, and are about its grammar.
 */
const sentences: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) cannot have a tag or an anchor; write the value out',
  BAD_ALIAS:
    'an alias (*name) names no anchor above it; write the value out, or put a text that begins with * in quotes',
  BAD_COLLECTION_TYPE: 'a tag (!name) does not fit the value behind it; take the tag out',
  BAD_DIRECTIVE: 'a line that begins with % is none of YAML; take it out, or put the text in quotes',
  BAD_DQ_ESCAPE:
    'a backslash in double quotes does not begin an escape; write it twice, or use single quotes',
  BAD_INDENT:
    'is not indented as its place needs; keys of one map begin in the same column, what belongs to a key two spaces further right, and a bracket or quote above is closed',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place; take it out',
  BAD_SCALAR_START: 'a text cannot begin with this character (@, `, % and the like); put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'there are two colons on one line, or a list begins behind a key; put a text with ": " in it in quotes, and begin lists and maps on the next line',
  BLOCK_IN_FLOW:
    'a list with hyphens or a text with | or > stands inside [ ] or { }; write all of it in one of the two forms',
  DUPLICATE_KEY: 'the key is there twice in this map; take one of them out',
  IMPOSSIBLE: 'cannot be read here; look at quotes and brackets on the lines above',
  KEY_OVER_1024_CHARS:
    'a key is longer than 1024 characters; a colon, a quote or a bracket above it is probably missing',
  MISSING_CHAR:
    'a quote, a bracket, a comma or a colon with a space behind it is missing; look here and on the lines above',
  MULTILINE_IMPLICIT_KEY:
    'a key goes on over several lines; write "key: value" with a colon and a space, or close a quote or bracket above it',
  MULTIPLE_ANCHORS: 'a value has two anchors (&name); take them out',
  MULTIPLE_DOCS: 'the file holds a second document behind ---; keep one, and take the line out',
  MULTIPLE_TAGS: 'a value has two tags (!name); take them out',
  NON_STRING_KEY: 'a key is not a text; put it in quotes',
  RESOURCE_EXHAUSTION: 'is nested too deeply; nothing in this file needs more than a few levels',
  TAB_AS_INDENT: 'is indented with a tab, which YAML does not accept; use spaces',
  TAG_RESOLVE_FAILED:
    'a tag (!name) is not known, or the value does not fit it; take the tag out, or put a text that begins with ! in quotes',
  UNEXPECTED_TOKEN:
    'something stands here that does not belong to what is before it; look for a missing quote, comma or line end',
}

/** The problem of a place that is no YAML: `is not valid YAML: ...; remedy`. */
export function syntaxProblem(code: ErrorCode): string {
  return `is not valid YAML: ${sentences[code] ?? sentences.IMPOSSIBLE}`
}
