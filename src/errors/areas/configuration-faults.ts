import type { FaultDescription } from '../fault-description.ts'

/** What is wrong with the service's own set-up. */
export const configurationFaults = {
  configuration_invalid: {
    area: 'configuration',
    meaning: 'One or more settings are missing or wrong.',
    remedy: 'Correct every variable that the message lists, then start again.',
    retryable: false,
  },
  certificate_unreadable: {
    area: 'configuration',
    meaning: 'The certificate file cannot be read or is not a PEM certificate.',
    remedy:
      'Point INTUNE_CERTIFICATE_FILE at a PEM file that starts with -----BEGIN CERTIFICATE----- and that the service user may read.',
    retryable: false,
  },
  private_key_unreadable: {
    area: 'configuration',
    meaning:
      'The private key file cannot be read, is not a PEM RSA key, or its passphrase is wrong or missing.',
    remedy:
      'Point INTUNE_PRIVATE_KEY_FILE at the PEM key (PKCS#8 or PKCS#1) and set INTUNE_PRIVATE_KEY_PASSPHRASE if it is encrypted.',
    retryable: false,
  },
  certificate_key_mismatch: {
    area: 'configuration',
    meaning: 'The private key does not belong to the certificate.',
    remedy:
      'Use the key that the certificate was made with; the first certificate in INTUNE_CERTIFICATE_FILE must be the leaf.',
    retryable: false,
  },
  certificate_expired: {
    area: 'configuration',
    meaning: 'The certificate that authenticates the service to Entra ID has expired.',
    remedy:
      'Make a new certificate, upload it to the app registration, then replace the certificate and key files.',
    retryable: false,
  },
  certificate_not_yet_valid: {
    area: 'configuration',
    meaning: 'The certificate that authenticates the service to Entra ID is not valid yet.',
    remedy: 'Check the clock of this machine and the start date of the certificate.',
    retryable: false,
  },
  service_tls_unusable: {
    area: 'configuration',
    meaning: 'The certificate or the key with which a listener of the service serves HTTPS cannot be used.',
    remedy:
      'Point SERVICE_TLS_CERTIFICATE_FILE (or MANAGEMENT_TLS_CERTIFICATE_FILE) at a PEM certificate, leaf first and then its chain, and the _PRIVATE_KEY_FILE beside it at its unencrypted PEM key.',
    retryable: false,
  },
  service_tls_expired: {
    area: 'configuration',
    meaning: 'The certificate with which the service itself serves HTTPS has expired: callers refuse it.',
    remedy:
      'Replace the certificate file and its key file; the service takes the new pair within ten seconds.',
    retryable: false,
  },
  service_tls_not_yet_valid: {
    area: 'configuration',
    meaning:
      'The certificate with which the service itself serves HTTPS is not valid yet: callers refuse it.',
    remedy: 'Check the clock of this machine and the start date of the certificate.',
    retryable: false,
  },
  service_tls_expires_soon: {
    area: 'configuration',
    meaning: 'The certificate with which the service itself serves HTTPS expires within 14 days.',
    remedy: 'Renew it and replace the certificate file and its key file before it does.',
    retryable: false,
  },
} as const satisfies Record<string, FaultDescription>
