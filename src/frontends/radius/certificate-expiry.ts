import type { RadiusRequest } from './request-attributes.ts'

// RFC 5280 section 4.1.2.5: UTCTime (YYMMDDHHMMSSZ) up to 2049, GeneralizedTime (YYYYMMDDHHMMSSZ) from 2050 on.
const asn1Time = /^(?:\d{12}|\d{14})Z$/

/**
 * When the certificate of the device expires, milliseconds since the epoch, as FreeRADIUS says it in
 * TLS-Client-Cert-Expiration: the time of the certificate as OpenSSL prints it. Undefined where nothing, or nothing
 * readable, is said; with several values the first counts.
 */
export function parseCertificateExpiry(request: RadiusRequest): number | undefined {
  const text = request.get('TLS-Client-Cert-Expiration')?.[0]
  if (text === undefined || !asn1Time.test(text)) return undefined
  const yearDigits = text.length === 'YYMMDDHHMMSSZ'.length ? 2 : 4
  const years = Number(text.slice(0, yearDigits))
  // RFC 5280: two digits from 50 on are of the last century.
  const year = yearDigits === 4 ? years : years + (years >= 50 ? 1900 : 2000)
  const month = twoDigits(text, yearDigits)
  const day = twoDigits(text, yearDigits + 2)
  const hours = twoDigits(text, yearDigits + 4)
  const minutes = twoDigits(text, yearDigits + 6)
  const seconds = twoDigits(text, yearDigits + 8)
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

function twoDigits(text: string, start: number): number {
  return Number(text.slice(start, start + 2))
}
