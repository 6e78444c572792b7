import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { readCertificates } from '../pem/read-certificates.ts'
import { readBytes } from '../pem/read-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { tlsProtocol } from '../tls/secure-defaults.ts'

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
  return success(createSecureContext({ ca, ...tlsProtocol }))
}

function loadExtraRoots(caFile: string): Outcome<string[]> {
  const bytes = readBytes(caFile)
  const found = bytes.ok ? readCertificates(bytes.value) : bytes
  if (found.ok) return success(found.value.list.map((certificate) => certificate.toString()))
  const message = describeFileFault('INTUNE_CA_FILE', caFile, found.why)
  return failure('configuration_invalid', message, { field: 'INTUNE_CA_FILE' })
}
