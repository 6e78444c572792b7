import type { CertificateAttribute, CertificateNames } from './certificate-names.ts'

/**
 * What a caller can say about a device, parsed once at the edge.
 * Only validated, canonical text gets past this folder: cache keys and upstream URLs are built from nothing else.
 */

/** The kinds that an upstream can be asked by. `deviceId` is the Intune device id, never the Entra one. */
export type IdentifierKind = 'deviceId' | 'serialNumber' | 'imei' | 'meid' | 'udid' | 'mac'

/** Where an identifier came from; it decides the rank. */
export type IdentifierOrigin =
  | 'deviceId'
  | 'certificateSan'
  | 'certificateCn'
  | 'serialNumber'
  | 'imei'
  | 'meid'
  | 'udid'
  | 'mac'

/** One identifier in canonical form: GUIDs lower case, MACs 12 upper-case hex digits without separators. */
export interface DeviceIdentifier {
  readonly kind: IdentifierKind
  readonly value: string
  readonly origin: IdentifierOrigin
  /** 1 is best: 1 device id given or in the SAN, 2 certificate CN, 3 serial/IMEI/MEID/UDID, 4 MAC. */
  readonly rank: 1 | 2 | 3 | 4
}

/** Everything a request said about one device, best rank first. */
export interface DeviceIdentity {
  /** Identifiers that can be looked up. A randomised MAC is not among them: Intune never lists one. */
  readonly identifiers: readonly DeviceIdentifier[]
  /** Set when two identifiers of one rank name two devices; the two canonical values. */
  readonly conflict?: readonly [DeviceIdentifier, DeviceIdentifier]
  /** Set when the MAC was locally administered (12 upper-case hex digits). */
  readonly randomizedMac?: string
  /** Set where names of the certificate did not count, because they can be read in more than one way. */
  readonly unreadable?: readonly CertificateAttribute[]
}

/** The raw texts, as a front end received them. An empty or blank text counts as absent. */
export interface IdentityTexts {
  readonly deviceId?: string | readonly string[] | undefined
  readonly certificateSan?: string | readonly string[] | undefined
  readonly certificateCn?: string | readonly string[] | undefined
  readonly serialNumber?: string | readonly string[] | undefined
  readonly imei?: string | readonly string[] | undefined
  readonly meid?: string | readonly string[] | undefined
  readonly udid?: string | readonly string[] | undefined
  readonly mac?: string | readonly string[] | undefined
}

/** What a caller says about a device. */
export interface IdentityAttributes extends IdentityTexts {
  /** The client certificate in the form of FreeRADIUS, which has more to tell than `certificateSan` and `certificateCn`. */
  readonly certificate?: CertificateNames
}

/**
 * The key under which facts about this identifier are remembered: `kind/value`, from validated parts only. An id out of a
 * common name is asked about in another way, since it may be the Entra device id, so it has a key of its own.
 */
export function identifierKey({
  kind,
  value,
  origin,
}: Pick<DeviceIdentifier, 'kind' | 'value'> & { readonly origin?: IdentifierOrigin }): string {
  return origin === 'certificateCn' ? `${origin}/${value}` : `${kind}/${value}`
}

/** The other key that the same device id may be remembered under; undefined for a key of any other kind. */
export function otherKeyOfDeviceId(key: string): string | undefined {
  const [kind, value] = splitKey(key)
  if (kind === 'deviceId') return `certificateCn/${value}`
  return kind === 'certificateCn' ? `deviceId/${value}` : undefined
}

/** A key in its two parts. */
export function splitKey(key: string): readonly [kind: string, value: string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}
