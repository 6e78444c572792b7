import type { FaultDescription } from '../fault-description.ts'

/** What the service says of itself, to its callers and as ISE sees it (intune-nac check --as-ise). */
export const serviceFaults = {
  mdm_unreachable: {
    area: 'network',
    meaning: 'The MDM server that was asked as ISE would ask it did not answer, or not with 200.',
    remedy: 'Check host, port and Instance Name; a 503 says that the service could not determine the state.',
    retryable: true,
  },
  mdm_certificate_untrusted: {
    area: 'network',
    meaning: 'The certificate of the MDM server is not one that ISE would trust.',
    remedy:
      'Import the issuer of SERVICE_TLS_CERTIFICATE_FILE in ISE under Trusted Certificates (and give it here with --ca-file), and use a host name that the certificate has.',
    retryable: false,
  },
  mdm_credentials_refused: {
    area: 'network',
    meaning: 'The MDM server refused the user name and password.',
    remedy: 'Use the Basic credentials of a client in CLIENTS_FILE that may use the front end ise.',
    retryable: false,
  },
  mdm_access_refused: {
    area: 'network',
    meaning: 'The MDM server does not let the caller in, whatever its user name and password are.',
    remedy:
      'The message has the code and the reason of the server. client_forbidden: the network or the front end ise is missing at the client in CLIENTS_FILE. too_many_attempts: wait, or correct whoever sends wrong credentials from this address. Without a code, it is a proxy in between.',
    retryable: false,
  },
  mdm_reply_malformed: {
    area: 'network',
    meaning: "The MDM server answered with something that is not a document of Cisco's MDM API.",
    remedy: 'Check that host, port and Instance Name lead to this service and not to another.',
    retryable: false,
  },
  deadline_exceeded: {
    area: 'service',
    meaning:
      'The decision deadline passed before Microsoft had answered; the answer is remembered when it arrives.',
    remedy: 'Ask again in a second. If it happens often, see which hop is slow in the log.',
    retryable: true,
  },
  service_overloaded: {
    area: 'service',
    meaning:
      'More requests arrive than the service can answer in time, or more credentials wait to be checked or more searches for decisions are under way than it takes at once.',
    remedy:
      'Ask again in a second. If it lasts, see nac_overloaded and nac_refused_requests_total: give the service more CPU, limit the client that asks most, or find out in the log who sends wrong credentials.',
    retryable: true,
  },
  internal: {
    area: 'service',
    meaning: 'A defect of this service.',
    remedy: 'Report it with the decision id or request id and the log lines around it.',
    retryable: true,
  },
} as const satisfies Record<string, FaultDescription>
