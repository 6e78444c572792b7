import type { FaultDescription } from '../fault-description.ts'

/** What can happen on the way to Microsoft. */
export const networkFaults = {
  name_not_resolved: {
    area: 'network',
    meaning: 'The host name could not be resolved.',
    remedy:
      'Check DNS on this machine, the spelling of the host, and whether a proxy (HTTPS_PROXY) is required.',
    retryable: true,
  },
  connection_refused: {
    area: 'network',
    meaning: 'The host refused the connection.',
    remedy:
      'Check the port and the firewall between this machine and the host, and HTTPS_PROXY if one is required.',
    retryable: true,
  },
  connection_failed: {
    area: 'network',
    meaning: 'The connection was reset, closed early or could not be made.',
    remedy: 'Check firewalls and proxies on the way; if it happens rarely, nothing needs to be done.',
    retryable: true,
  },
  upstream_timeout: {
    area: 'network',
    meaning: 'The host did not answer in time.',
    remedy:
      'Check the network path and the Microsoft service health page; raise nothing before you know which host is slow.',
    retryable: true,
  },
  proxy_refused: {
    area: 'network',
    meaning: 'The HTTP proxy refused to open a tunnel to the host.',
    remedy:
      'Check the user and password in HTTPS_PROXY and that the proxy allows CONNECT to this host on port 443.',
    retryable: false,
  },
  tls_untrusted: {
    area: 'network',
    meaning: 'The certificate that the host presented is not trusted by this machine.',
    remedy:
      'If the issuer is your own TLS inspection, put its root into INTUNE_CA_FILE or exempt the host; otherwise update the system trust store. Never turn verification off.',
    retryable: false,
  },
  tls_certificate_date: {
    area: 'network',
    meaning:
      'The certificate that the host presented has expired or is not valid yet, at the time that this machine believes it is.',
    remedy:
      'Compare the clock of this machine with the true time first (timedatectl), and synchronise it (chrony, systemd-timesyncd). If it is right, the certificate of the host, or of a proxy that inspects TLS, has to be renewed.',
    retryable: true,
  },
  tls_failed: {
    area: 'network',
    meaning: 'The TLS handshake failed.',
    remedy:
      'Something on the way does not speak TLS 1.2 or newer, or does not speak TLS at all on this port.',
    retryable: true,
  },
  redirect_refused: {
    area: 'network',
    meaning:
      'The host answered with a redirect, which is never followed because it would carry the token elsewhere.',
    remedy: 'Check the address that was asked; a captive portal or a proxy login page also looks like this.',
    retryable: false,
  },
  reply_too_large: {
    area: 'network',
    meaning: 'The reply was larger than the limit and was cut off.',
    remedy: 'Find out what answered in place of Microsoft; a real reply is far below the limit.',
    retryable: false,
  },
} as const satisfies Record<string, FaultDescription>
