import { z } from 'zod'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { type AppCertificate, keyCredentialsOf } from './app-certificate.ts'

/** Which of the two schemas a manifest follows. */
export type ManifestForm = 'azureAdGraph' | 'microsoftGraph'

/** A manifest with the certificate added, everything else as it was. */
export interface MergedManifest {
  readonly text: string
  readonly form: ManifestForm
  /** How many certificates and keys it held before. */
  readonly kept: number
}

const Manifest = z.looseObject({
  keyCredentials: z.array(z.record(z.string(), z.unknown())).nullish(),
})
type Manifest = z.infer<typeof Manifest>

/** Attributes that only one of the schemas has (Microsoft Entra "App manifest (Azure AD Graph format) deprecation"). */
const TELLTALES = {
  microsoftGraph: ['displayName', 'api', 'web', 'spa', 'publicClient', '@odata.context', 'publisherDomain'],
  azureAdGraph: [
    'name',
    'accessTokenAcceptedVersion',
    'oauth2AllowIdTokenImplicitFlow',
    'oauth2AllowImplicitFlow',
    'oauth2Permissions',
    'replyUrls',
    'replyUrlsWithType',
    'signInUrl',
    'knownClientApplications',
    'allowPublicClient',
  ],
} as const

/** A downloaded manifest whose form is known. */
export interface ParsedManifest {
  readonly manifest: Readonly<Record<string, unknown>>
  readonly existing: readonly Readonly<Record<string, unknown>>[]
  readonly form: ManifestForm
}

/** Reads a downloaded manifest. Fault: `configuration_invalid` when it is none, or its form cannot be told. */
export function parseManifest(text: string): Outcome<ParsedManifest> {
  const manifest = Manifest.safeParse(parseJson(text)).data
  if (!manifest) return refuse('is not a manifest: a JSON object with keyCredentials was expected')
  const existing = manifest.keyCredentials ?? []
  const form = formOf(manifest, existing)
  if (form) return success({ manifest, existing, form })
  return refuse('has neither attributes of the Azure AD Graph form nor of the Microsoft Graph form')
}

/**
 * Adds a certificate without touching what is there, so that both certificates work during a rollover. Fault:
 * `configuration_invalid` when the certificate or its keyId is in it already.
 */
export function mergeCertificate(
  { manifest, existing, form }: ParsedManifest,
  certificate: AppCertificate,
): Outcome<MergedManifest> {
  for (const entry of existing) {
    if (isSameCertificate(entry, certificate)) {
      return refuse(`already holds this certificate, under keyId ${String(entry.keyId)}`)
    }
    if (String(entry.keyId).toLowerCase() === certificate.keyId) {
      return refuse(`already holds another certificate under keyId ${certificate.keyId}`)
    }
  }
  const keyCredentials = [...existing, keyCredentialsOf(certificate)[form]]
  const merged = JSON.stringify({ ...manifest, keyCredentials }, null, '\t')
  return success({ text: `${merged}\n`, form, kept: existing.length })
}

/** Entries are the surest sign; without one, the attributes around them. */
function formOf(manifest: Manifest, entries: readonly Record<string, unknown>[]): ManifestForm | undefined {
  if (entries.some((entry) => 'key' in entry)) return 'microsoftGraph'
  if (entries.some((entry) => 'value' in entry)) return 'azureAdGraph'
  const score = (form: ManifestForm) => TELLTALES[form].filter((name) => name in manifest).length
  const difference = score('microsoftGraph') - score('azureAdGraph')
  if (difference === 0) return undefined
  return difference > 0 ? 'microsoftGraph' : 'azureAdGraph'
}

/** The thumbprint is written as base64, base64url or hex, depending on who wrote the manifest. */
function isSameCertificate(entry: Record<string, unknown>, certificate: AppCertificate): boolean {
  const der = Buffer.from(certificate.base64Value, 'base64')
  const value = entry.key ?? entry.value
  if (typeof value === 'string' && Buffer.from(value, 'base64').equals(der)) return true
  const identifier = entry.customKeyIdentifier
  if (typeof identifier !== 'string') return false
  const hex = certificate.thumbprintSha1
  return (
    identifier.toUpperCase() === hex ||
    Buffer.from(identifier, 'base64').toString('hex').toUpperCase() === hex
  )
}

function refuse(why: string) {
  return failure('configuration_invalid', `the manifest ${why}`, { field: 'keyCredentials' })
}

function parseJson(text: string): unknown {
  try {
    // Windows editors put a byte order mark in front.
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}
