import { type Exchange, parameter } from '../exchange.ts'

/** `property eq 'value'`, the one kind of filter that is understood here. */
export interface EqualityFilter {
  readonly property: string
  readonly value: string
}

/** The system query options of a list, as far as they are known here. */
export interface ListOptions {
  readonly filter?: EqualityFilter
  readonly select?: readonly string[]
  readonly top?: number
  /** How many items the pages before this one held. */
  readonly skipped: number
}

/** Reads the OData system query options of a call (OData 4.01, URL conventions), or says which one is wrong. */
export function readListOptions(exchange: Exchange): ListOptions | string {
  const filterText = parameter(exchange, '$filter')
  const filter = filterText === undefined ? undefined : readFilter(filterText)
  if (filter === null) return "Invalid filter clause: only property eq 'value' is understood."
  const topText = parameter(exchange, '$top')
  if (topText !== undefined && !/^[1-9]\d{0,5}$/.test(topText))
    return 'Invalid value for the $top query option.'
  const skipped = readSkipToken(parameter(exchange, '$skiptoken'))
  if (skipped === undefined) return 'Invalid value for the $skiptoken query option.'
  const select = parameter(exchange, '$select')
  return {
    skipped,
    ...(filter && { filter }),
    ...(select !== undefined && { select: select.split(',').map((name) => name.trim()) }),
    ...(topText !== undefined && { top: Number(topText) }),
  }
}

function readFilter(text: string): EqualityFilter | null {
  // A quote inside a value is doubled.
  const [, property, value] = /^\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*$/i.exec(text) ?? []
  return property === undefined || value === undefined
    ? null
    : { property, value: value.replaceAll("''", "'") }
}

/** The token of the page after `skipped` items; opaque to clients. */
export function writeSkipToken(skipped: number): string {
  return Buffer.from(`skipped:${skipped}`).toString('base64url')
}

function readSkipToken(token: string | undefined): number | undefined {
  if (token === undefined) return 0
  const [, skipped] = /^skipped:(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString()) ?? []
  return skipped === undefined ? undefined : Number(skipped)
}
