import { hash } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { repeatInBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'
import type { Holds } from '../pem/pem-blocks.ts'
import { readCertificates } from '../pem/read-certificates.ts'
import { readBytes, readBytesLater } from '../pem/read-file.ts'
import { readPrivateKey } from '../pem/read-private-key.ts'
import { describeFileFault } from '../text/decode.ts'
import { tlsProtocol } from '../tls/secure-defaults.ts'

/** Which listener the files are of: how the names of their variables begin. */
export type TlsVariables = 'SERVICE_TLS' | 'MANAGEMENT_TLS'

/** The files of one listener: certificate (leaf first), its key, and who may sign certificates of callers. */
export interface TlsFiles {
  readonly certificateFile: string
  readonly privateKeyFile: string
  /** Set: a caller must present a certificate that one of these signed. */
  readonly clientCaFile?: string
}

/** Certificate and key that belong together, checked. */
export interface TlsMaterial {
  /** For the server and for its setSecureContext: TLS 1.2 and later. */
  readonly context: SecureContextOptions
  readonly requiresClientCertificate: boolean
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Tells this content of the files from any other. */
  readonly digest: string
}

/** What became of files that have changed. */
export type TlsReload =
  | { readonly reloaded: true; readonly notBeforeMs: number; readonly notAfterMs: number }
  | { readonly reloaded: false; readonly fault: Fault }

/** What was found in each of the files. */
interface TlsContents {
  readonly certificate: Holds<Uint8Array>
  readonly privateKey: Holds<Uint8Array>
  readonly clientCa: Holds<Uint8Array> | undefined
}

/** Half of the ten seconds that are promised. Reading beats watching: a Kubernetes secret changes by a symlink. */
const pollIntervalMs = 5000

/** Reads the files of a listener once, at the start. Fault: `service_tls_unusable`, naming the variable. */
export function loadTls(files: TlsFiles, variables: TlsVariables = 'SERVICE_TLS'): Outcome<TlsMaterial> {
  const { certificateFile, privateKeyFile, clientCaFile } = files
  return checkTls(files, variables, {
    certificate: readBytes(certificateFile),
    privateKey: readBytes(privateKeyFile),
    clientCa: clientCaFile === undefined ? undefined : readBytes(clientCaFile),
  })
}

/**
 * Looks at the files every five seconds and gives a new pair to the server; connections that are open stay on the old
 * one. A pair that cannot be used is refused once, and the old one stays. Returns what stops it.
 */
export function watchTls(parts: {
  readonly files: TlsFiles
  readonly variables?: TlsVariables
  /** What the server was started with. */
  readonly loaded: TlsMaterial
  readonly clock: Clock
  readonly setSecureContext: (context: SecureContextOptions) => void
  readonly onReload: (reload: TlsReload) => void
}): () => void {
  const { files, variables = 'SERVICE_TLS', clock, setSecureContext, onReload } = parts
  let stopped = false
  let seen = parts.loaded.digest

  async function look(): Promise<void> {
    const contents = await readContents(files)
    const now = digestOf(contents)
    if (stopped || now === seen) return
    seen = now
    const material = checkTls(files, variables, contents)
    if (!material.ok) return onReload({ reloaded: false, fault: material.fault })
    setSecureContext(material.value.context)
    const { notBeforeMs, notAfterMs } = material.value
    onReload({ reloaded: true, notBeforeMs, notAfterMs })
  }

  const stop = repeatInBackground('service_tls', clock, pollIntervalMs, look)
  return () => {
    stopped = true
    stop()
  }
}

async function readContents(files: TlsFiles): Promise<TlsContents> {
  const { certificateFile, privateKeyFile, clientCaFile } = files
  const [certificate, privateKey, clientCa] = await Promise.all([
    readBytesLater(certificateFile),
    readBytesLater(privateKeyFile),
    clientCaFile === undefined ? undefined : readBytesLater(clientCaFile),
  ])
  return { certificate, privateKey, clientCa }
}

function checkTls(files: TlsFiles, variables: TlsVariables, contents: TlsContents): Outcome<TlsMaterial> {
  const chain = andThen(contents.certificate, readCertificates)
  if (!chain.ok) return unusable(`${variables}_CERTIFICATE_FILE`, files.certificateFile, chain.why)
  const [leaf] = chain.value.list
  const key = andThen(contents.privateKey, readPrivateKey)
  if (!key.ok) return unusable(`${variables}_PRIVATE_KEY_FILE`, files.privateKeyFile, key.why)
  if (!leaf.checkPrivateKey(key.value)) {
    const why = 'does not hold the key of the certificate'
    return unusable(`${variables}_PRIVATE_KEY_FILE`, files.privateKeyFile, why)
  }
  const clientCa = contents.clientCa && andThen(contents.clientCa, readCertificates)
  if (clientCa && !clientCa.ok) {
    return unusable(`${variables}_CLIENT_CA_FILE`, files.clientCaFile ?? '', clientCa.why)
  }
  const context: SecureContextOptions = {
    cert: chain.value.pem,
    key: key.value.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ...tlsProtocol,
    ...(clientCa && { ca: clientCa.value.pem }),
  }
  try {
    createSecureContext(context)
  } catch {
    return unusable(`${variables}_CERTIFICATE_FILE`, files.certificateFile, 'the TLS library refuses')
  }
  return success({
    context,
    requiresClientCertificate: files.clientCaFile !== undefined,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    digest: digestOf(contents),
  })
}

function andThen<T, Read extends { readonly ok: boolean }>(
  bytes: Holds<T>,
  read: (bytes: T) => Read,
): Read | { readonly ok: false; readonly why: string } {
  return bytes.ok ? read(bytes.value) : bytes
}

function digestOf({ certificate, privateKey, clientCa }: TlsContents): string {
  const parts = [certificate, privateKey, clientCa].map((held) => {
    if (held === undefined) return null
    return held.ok ? [Buffer.from(held.value).toString('base64')] : held.why
  })
  return hash('sha256', JSON.stringify(parts))
}

function unusable(variable: string, file: string, why: string) {
  return failure('service_tls_unusable', describeFileFault(variable, file, why), { field: variable })
}
