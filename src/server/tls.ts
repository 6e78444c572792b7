import { createPrivateKey, hash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { repeatInBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import { type Fault, failure, type Outcome, success } from '../errors/fault.ts'

/** The files behind SERVICE_TLS_*: certificate (leaf first), its key, and who may sign certificates of callers. */
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
  readonly notAfterMs: number
  /** Tells this content of the files from any other. */
  readonly digest: string
}

/** What became of files that have changed. */
export type TlsReload =
  | { readonly reloaded: true; readonly notAfterMs: number }
  | { readonly reloaded: false; readonly fault: Fault }

interface TlsTexts {
  readonly certificate: string
  readonly privateKey: string
  readonly clientCa: string | undefined
}

/** Half of the ten seconds that are promised. Reading beats watching: a Kubernetes secret changes by a symlink. */
const pollIntervalMs = 5000

/** Reads the files of SERVICE_TLS_* once, at the start. Fault: `service_tls_unusable`, naming the variable. */
export function loadTls(files: TlsFiles): Outcome<TlsMaterial> {
  const read = (file: string) => readFileSync(file, 'utf8')
  const { certificateFile, privateKeyFile, clientCaFile } = files
  try {
    return checkTls(files, {
      certificate: read(certificateFile),
      privateKey: read(privateKeyFile),
      clientCa: clientCaFile === undefined ? undefined : read(clientCaFile),
    })
  } catch (error) {
    return unreadable(error)
  }
}

/**
 * Looks at the files every five seconds and gives a new pair to the server; connections that are open stay on the old
 * one. A pair that cannot be used is refused once, and the old one stays. Returns what stops it.
 */
export function watchTls(parts: {
  readonly files: TlsFiles
  /** What the server was started with. */
  readonly loaded: TlsMaterial
  readonly clock: Clock
  readonly setSecureContext: (context: SecureContextOptions) => void
  readonly onReload: (reload: TlsReload) => void
}): () => void {
  const { files, clock, setSecureContext, onReload } = parts
  let stopped = false
  let seen = parts.loaded.digest

  async function look(): Promise<void> {
    const texts = await readTexts(files)
    const now = texts.ok ? digestOf(texts.value) : texts.fault.message
    if (stopped || now === seen) return
    seen = now
    const material = texts.ok ? checkTls(files, texts.value) : texts
    if (!material.ok) return onReload({ reloaded: false, fault: material.fault })
    setSecureContext(material.value.context)
    onReload({ reloaded: true, notAfterMs: material.value.notAfterMs })
  }

  const stop = repeatInBackground('service_tls', clock, pollIntervalMs, look)
  return () => {
    stopped = true
    stop()
  }
}

async function readTexts({
  certificateFile,
  privateKeyFile,
  clientCaFile,
}: TlsFiles): Promise<Outcome<TlsTexts>> {
  const read = (file: string) => readFile(file, 'utf8')
  try {
    const [certificate, privateKey, clientCa] = await Promise.all([
      read(certificateFile),
      read(privateKeyFile),
      clientCaFile === undefined ? undefined : read(clientCaFile),
    ])
    return success({ certificate, privateKey, clientCa })
  } catch (error) {
    return unreadable(error)
  }
}

function checkTls(files: TlsFiles, texts: TlsTexts): Outcome<TlsMaterial> {
  const chain = parseCertificates(texts.certificate)
  const [leaf] = chain
  if (leaf === undefined) {
    return unusable('SERVICE_TLS_CERTIFICATE_FILE', files.certificateFile, noCertificate)
  }
  const keyProblem = problemOfKey(texts.privateKey, leaf)
  if (keyProblem) return unusable('SERVICE_TLS_PRIVATE_KEY_FILE', files.privateKeyFile, keyProblem)
  if (files.clientCaFile !== undefined && parseCertificates(texts.clientCa ?? '').length === 0) {
    return unusable('SERVICE_TLS_CLIENT_CA_FILE', files.clientCaFile, noCertificate)
  }
  const context: SecureContextOptions = {
    cert: texts.certificate,
    key: texts.privateKey,
    minVersion: 'TLSv1.2',
    ...(texts.clientCa !== undefined && { ca: texts.clientCa }),
  }
  try {
    createSecureContext(context)
  } catch {
    return unusable('SERVICE_TLS_CERTIFICATE_FILE', files.certificateFile, 'the TLS library refuses')
  }
  return success({
    context,
    requiresClientCertificate: files.clientCaFile !== undefined,
    notAfterMs: leaf.validToDate.getTime(),
    digest: digestOf(texts),
  })
}

const noCertificate = 'holds no PEM certificate that can be decoded'

/** Every certificate of a file, or none where one of them cannot be decoded: OpenSSL would leave it out silently. */
function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs) ?? []
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return []
  }
}

function digestOf(texts: TlsTexts): string {
  return hash('sha256', JSON.stringify(texts))
}

function problemOfKey(text: string, certificate: X509Certificate): string | undefined {
  try {
    return certificate.checkPrivateKey(createPrivateKey(text))
      ? undefined
      : 'does not hold the key of the certificate'
  } catch {
    return 'holds no private key in PEM, or an encrypted one, which is not read'
  }
}

function unusable(variable: string, file: string, why: string) {
  return failure('service_tls_unusable', `${variable} names ${file}, which ${why}`, { field: variable })
}

function unreadable(error: unknown) {
  const { code = 'unknown error', path = 'a file' } = error as { code?: string; path?: string }
  return failure('service_tls_unusable', `${path} of SERVICE_TLS_* cannot be read (${code})`)
}
