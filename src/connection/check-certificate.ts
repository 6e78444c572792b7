import {
  type ClientCertificate,
  type ClientCertificateFiles,
  checkValidityPeriod,
  loadClientCertificate,
} from '../intune/client-certificate.ts'
import type { Finding } from './step-runner.ts'

const DAY_MS = 86_400_000
const WARN_DAYS = 30

/** Reads the pair of files and looks at the validity period. Faults: those of the certificate and its key. */
export function checkCertificate(files: ClientCertificateFiles, nowMs: number): Finding<ClientCertificate> {
  const loaded = loadClientCertificate(files)
  if (!loaded.ok) return { result: 'fail', fault: loaded.fault }
  const certificate = loaded.value
  const valid = checkValidityPeriod(certificate, nowMs)
  if (!valid.ok) return { result: 'fail', fault: valid.fault }
  const days = Math.floor((certificate.notAfterMs - nowMs) / DAY_MS)
  const until = `${new Date(certificate.notAfterMs).toISOString().slice(0, 10)}, ${days} days left`
  // In capitals, as the portal shows it under Certificates & secrets.
  const detail = `thumbprint ${certificate.thumbprintSha1.toUpperCase()}, valid until ${until}`
  if (days >= WARN_DAYS) return { result: 'ok', detail, value: certificate }
  const remedy =
    'Make the next certificate now (intune-nac onboard --new --out DIR), upload it beside this one, then replace the files.'
  return { result: 'warn', detail, remedy, value: certificate }
}
