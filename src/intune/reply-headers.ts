/** No peer may silence this service for longer than this, whatever it asks for. */
const LONGEST_PAUSE_MS = 60 * 60 * 1000

/** IMF-fixdate, the one date form that RFC 9110 section 5.6.7 lets a sender generate. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** Reads an IMF-fixdate (RFC 9110 section 5.6.7) as milliseconds since the epoch; nothing for any other text. */
export function parseHttpDate(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? ''
  const atMs = HTTP_DATE.test(trimmed) ? Date.parse(trimmed) : Number.NaN
  return Number.isNaN(atMs) ? undefined : atMs
}

/**
 * Reads Retry-After (RFC 9110 section 10.2.3: seconds or an HTTP date) as milliseconds from now, at most one hour.
 * `nowMs` is the sender's time of day, which `Date` of its reply gives. Gives nothing for any other text.
 */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  const trimmed = text?.trim() ?? ''
  if (/^\d{1,10}$/.test(trimmed)) return Math.min(Number(trimmed) * 1000, LONGEST_PAUSE_MS)
  const atMs = parseHttpDate(trimmed)
  return atMs === undefined ? undefined : Math.min(Math.max(atMs - nowMs, 0), LONGEST_PAUSE_MS)
}

/**
 * The same out of a reply. A date is taken by the clock of the peer that wrote it, which `Date` tells (RFC 9110 section
 * 6.6.1), where there is one: this machine's may be wrong. `text` stands in for the header field.
 */
export function findRetryAfter(
  headers: Readonly<Record<string, string>>,
  nowMs: number,
  text = headers['retry-after'],
): number | undefined {
  return parseRetryAfter(text, parseHttpDate(headers.date) ?? nowMs)
}

/** The id under which the peer logged the exchange; nothing where it sent none that is safe to log. */
export function findRequestId(headers: Readonly<Record<string, string>>): string | undefined {
  return [headers['request-id'], headers['x-ms-request-id'], headers['client-request-id']].find(isRequestId)
}

/** Whether a text of the peer's is an id and not an attempt to write into the log. */
export function isRequestId(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.:-]{1,80}$/.test(text)
}
