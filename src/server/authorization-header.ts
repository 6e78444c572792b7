/** What a caller proves itself with, decoded but not yet checked. */
export type Credentials =
  | { readonly scheme: 'basic'; readonly username: string; readonly password: string }
  | { readonly scheme: 'bearer'; readonly token: string }

/** The values of WWW-Authenticate in every 401 (RFC 9110 section 11.6.1, RFC 7617 section 2.1, RFC 6750 section 3). */
export const authenticationChallenges = [
  'Basic realm="intune-nac", charset="UTF-8"',
  'Bearer realm="intune-nac"',
]

// The scheme is case-insensitive, one or more spaces follow it (RFC 9110 section 11.4).
const basicPattern = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i
const bearerPattern = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses an Authorization header: Basic by RFC 7617 (UTF-8, the first colon separates, a password may hold more),
 * Bearer by RFC 6750 section 2.1. Undefined for any other scheme and for whatever is not well formed.
 */
export function parseAuthorization(header: string): Credentials | undefined {
  const bearer = bearerPattern.exec(header)?.[1]
  if (bearer !== undefined) return { scheme: 'bearer', token: bearer }
  const encoded = basicPattern.exec(header)?.[1]
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined
  const decoded = decodeUtf8(Buffer.from(encoded, 'base64'))
  const colon = decoded?.indexOf(':') ?? -1
  if (decoded === undefined || colon === -1 || /\p{Cc}/u.test(decoded)) return undefined
  return {
    scheme: 'basic',
    username: decoded.slice(0, colon).normalize('NFC'),
    password: decoded.slice(colon + 1),
  }
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}
