import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { IntuneSettings } from '../config/settings.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { acquireToken } from './entra-token.ts'
import type { Outbound } from './outbound.ts'
import { type CertificateEvent, RotatingCertificate } from './rotating-certificate.ts'

export interface FollowCertificateOptions {
  readonly passphrase?: string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly outbound: Outbound
  /** Called besides the log, for metrics. */
  readonly onEvent?: (event: CertificateEvent) => void
}

/**
 * The certificate of the settings' files, followed when they are replaced: a new pair is tried out with a token for
 * Graph, and every step is logged. Call `watch` to begin and `close` to end.
 */
export function followCertificate(
  settings: IntuneSettings,
  initial: ClientCertificate,
  { passphrase, clock, logger, outbound, onEvent }: FollowCertificateOptions,
): RotatingCertificate {
  const { authorityUrl, clientId, graphUrl, certificateFile, privateKeyFile } = settings
  return new RotatingCertificate({
    files: { certificateFile, privateKeyFile, passphrase },
    initial,
    clock,
    tryOut: (certificate) =>
      acquireToken({ authorityUrl, clientId, audience: graphUrl, certificate, outbound, clock }),
    onEvent(event) {
      logEvent(logger, event)
      onEvent?.(event)
    },
  })
}

function logEvent(logger: Logger, event: CertificateEvent): void {
  if (event.kind === 'files_refused') {
    const { code, message: detail } = event.fault
    const { remedy } = faultCatalogue[code]
    logger.error(
      { code, detail, remedy },
      'the new certificate files cannot be used, the old pair stays in use',
    )
    return
  }
  const { thumbprintSha1, subject, notAfterMs } = event.certificate
  const facts = {
    thumbprint: thumbprintSha1.toUpperCase(),
    subject,
    notAfter: new Date(notAfterMs).toISOString(),
  }
  if (event.kind === 'loaded') logger.info(facts, 'a new certificate was found and is being tried out')
  if (event.kind === 'in_use') logger.info(facts, 'the new certificate is in use')
  if (event.kind === 'not_accepted') {
    const { code, message: detail } = event.fault
    const { remedy } = faultCatalogue[code]
    logger.warn(
      { ...facts, code, detail, remedy },
      'the new certificate is not accepted yet, the old one stays in use',
    )
  }
}
