import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { failure, type Outcome, success } from '../errors/fault.ts'

/**
 * The trust store for every outbound connection: Node's own roots (and NODE_EXTRA_CA_CERTS), the operating system's,
 * and the file of INTUNE_CA_FILE on top. Microsoft's three hosts chain to different roots and have changed them
 * before (Azure TLS certificate changes), so nothing is pinned. Built once: parsing 300 roots takes longer than a
 * handshake. Fault: `configuration_invalid`.
 */
export function loadTrust(caFile?: string): Outcome<SecureContext> {
  const extra = caFile === undefined ? success([]) : loadExtraRoots(caFile)
  if (!extra.ok) return extra
  const ca = [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...extra.value])]
  return success(createSecureContext({ ca, minVersion: 'TLSv1.2' }))
}

function loadExtraRoots(caFile: string): Outcome<string[]> {
  const unusable = (why: string) =>
    failure('configuration_invalid', `INTUNE_CA_FILE names ${caFile}, ${why}`, { field: 'INTUNE_CA_FILE' })
  let text: string
  try {
    text = readFileSync(caFile, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return unusable(`which cannot be read (${code})`)
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs) ?? []
  if (blocks.length === 0) return unusable('which holds no -----BEGIN CERTIFICATE----- block')
  try {
    return success(blocks.map((block) => new X509Certificate(block).toString()))
  } catch {
    return unusable('which holds a certificate block that cannot be decoded')
  }
}
