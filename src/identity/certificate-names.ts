import { bareDeviceId, deviceIdOfUri, deviceIdsAnywhere, deviceIdsInSubject } from './intune-device-id.ts'
import { readOpensslSan, readSanText, type SanReading, type SeparateNames } from './san-text.ts'

/** The names of a client certificate as FreeRADIUS gives them: some one by one, some joined into one text. */
export interface CertificateNames extends SeparateNames {
  /** TLS-Client-Cert-Subject-Alt-Name-Uri: every URI of the SAN, one by one (FreeRADIUS 3.2.7 and later). */
  readonly uris?: readonly string[] | undefined
  /** The whole SAN as OpenSSL prints it, `DNS:a, URI:b`, cut at 1,023 octets. More than one different text is no text. */
  readonly sanTexts?: readonly string[] | undefined
  /** The common names, without `CN=`. */
  readonly commonNames?: readonly string[] | undefined
  /** The whole subject as X509_NAME_oneline prints it, `/O=Example/CN=a`. */
  readonly subjects?: readonly string[] | undefined
}

/** A part of the certificate, by the name that callers know it by. */
export type CertificateAttribute = 'certificateSan' | 'certificateCn'

/** What the names of a certificate come to. Device ids are in lower case. */
export interface CertificateReading {
  /** Device ids that are a whole name of the SAN, each once. */
  readonly sanIds: readonly string[]
  /** Others in the SAN that may just as well stand inside another name. */
  readonly doubtfulSanIds: readonly string[]
  /** The common name, where it is a device id as a whole. */
  readonly commonNameId?: string | undefined
  /** The parts that were there. */
  readonly given: readonly CertificateAttribute[]
  /** Those in which a device id did not count because it can be read in two ways, or may have been lost. */
  readonly unreadable: readonly CertificateAttribute[]
}

/** Of a request without a certificate. */
export const noCertificate: CertificateReading = {
  sanIds: [],
  doubtfulSanIds: [],
  given: [],
  unreadable: [],
}

/**
 * Reads a certificate as FreeRADIUS gives it. Where it gives the URIs one by one, nothing else of the SAN is looked at.
 *
 * The common name counts where there is one, and where the subject, if it is given, has that name as its only one:
 * FreeRADIUS 3.2.1 makes up a common name (that of the issuer) for a certificate without one and cuts it at a NUL, and
 * the subject shows both.
 */
export function readCertificateNames(names: CertificateNames): CertificateReading {
  const { uris = [], sanTexts = [], commonNames = [], subjects = [] } = names
  const san = uris.length > 0 ? readUris(uris) : readPrintedSan(sanTexts, names)
  return readingOf([san], uris.length + sanTexts.length > 0, commonNames, subjects)
}

/** Reads texts that a caller took out of a certificate: the SAN joined or one name a text, and the common name. */
export function readCertificateTexts(
  sanTexts: readonly string[],
  commonNames: readonly string[],
): CertificateReading {
  const trimmed = commonNames.map((text) => text.trim())
  return readingOf(sanTexts.map(readSanText), sanTexts.length > 0, trimmed, [])
}

function readingOf(
  sans: readonly SanReading[],
  hasSan: boolean,
  commonNames: readonly string[],
  subjects: readonly string[],
): CertificateReading {
  const sanIds = unique(sans.flatMap(({ ids }) => ids))
  const known = new Set(sanIds)
  const doubtful = unique(sans.flatMap(({ doubtfulIds }) => doubtfulIds))
  const commonNameId = readCommonName(commonNames, subjects)
  const mayHoldDeviceId = (name: string) => isLost(name) || holdsDeviceId(name)
  const isCommonNameUnreadable = commonNameId === undefined && commonNames.some(mayHoldDeviceId)
  return {
    sanIds,
    doubtfulSanIds: doubtful.filter((id) => !known.has(id)),
    commonNameId,
    given: attributes(hasSan, commonNames.length > 0),
    unreadable: attributes(
      sans.some(({ isUnreadable }) => isUnreadable),
      isCommonNameUnreadable,
    ),
  }
}

function readUris(uris: readonly string[]): SanReading {
  const ids = uris.map(deviceIdOfUri).filter((id) => id !== undefined)
  return { ids, doubtfulIds: [], isUnreadable: uris.some(isLost) }
}

function readPrintedSan(texts: readonly string[], separate: SeparateNames): SanReading {
  const [text] = texts
  if (text === undefined) return { ids: [], doubtfulIds: [], isUnreadable: false }
  // A name that is longer than FreeRADIUS's buffer runs over into attributes of the attacker's own making, behind the
  // true ones (3.2.1, src/main/tls.c reads names and values in turn from one buffer).
  const isOne = texts.every((other) => other === text)
  if (isOne && isLost(text)) return { ids: [], doubtfulIds: [], isUnreadable: true }
  if (isOne) return readOpensslSan(text, separate)
  return { ids: [], doubtfulIds: texts.flatMap(deviceIdsAnywhere), isUnreadable: true }
}

/**
 * FreeRADIUS reads the names of a resumed session from a file in which `%{` begins an expansion: a text that holds it
 * arrives empty (3.2.1, rlm_files format of the session cache). OpenSSL prints no empty SAN, and no name is empty.
 */
function isLost(text: string): boolean {
  return text === ''
}

function readCommonName(names: readonly string[], subjects: readonly string[]): string | undefined {
  const [name] = names
  if (name === undefined || names.some((other) => other !== name)) return undefined
  return subjects.every((subject) => isOnlyCommonName(name, subject)) ? bareDeviceId(name) : undefined
}

/** Only newer OpenSSL escapes slashes in a value, so a second `/CN=` anywhere is a doubt. */
function isOnlyCommonName(name: string, subject: string): boolean {
  const [, rest, ...more] = subject.split('/CN=')
  return rest !== undefined && more.length === 0 && (rest === name || rest.startsWith(`${name}/`))
}

function holdsDeviceId(name: string): boolean {
  return bareDeviceId(name) !== undefined || deviceIdsInSubject(name).length > 0
}

function attributes(san: boolean, commonName: boolean): readonly CertificateAttribute[] {
  if (!san && !commonName) return noCertificate.given
  return [...(san ? (['certificateSan'] as const) : []), ...(commonName ? (['certificateCn'] as const) : [])]
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
}
