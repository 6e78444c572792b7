import type { RadiusRequest } from './request-attributes.ts'

// RFC 5280 section 4.1.2.5: UTCTime (YYMMDDHHMMSSZ) up to 2049, GeneralizedTime (YYYYMMDDHHMMSSZ) from 2050 on.
const asn1Time = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/

/**
 * When the certificate of the device expires, milliseconds since the epoch, as FreeRADIUS says it in
 * TLS-Client-Cert-Expiration: the time of the certificate as OpenSSL prints it. Undefined where nothing, or nothing
 * readable, is said; with several values the first counts.
 */
export function parseCertificateExpiry(request: RadiusRequest): number | undefined {
  const text = request.get('TLS-Client-Cert-Expiration')?.[0]
  const found = text === undefined ? null : asn1Time.exec(text)
  if (found === null) return undefined
  const [years = 0, ...rest] = found.slice(1).map(Number)
  const [month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = rest
  const isShort = found[1]?.length === 2
  // RFC 5280: two digits from 50 on are of the last century.
  const year = isShort ? years + (years >= 50 ? 1900 : 2000) : years
  const atMs = Date.UTC(year, month - 1, day, hours, minutes, seconds)
  const date = new Date(atMs)
  // Date.UTC carries a 31st of February over into March, and takes years below 100 for 19xx.
  const isReal =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hours &&
    date.getUTCMinutes() === minutes &&
    date.getUTCSeconds() === seconds
  return isReal ? atMs : undefined
}
