import { constants } from 'node:crypto'

/**
 * Versions and ciphers of every TLS connection, in and out: the defaults of Node 26 and OpenSSL 3.5, but said. Left
 * unsaid, `--tls-cipher-list`, `--tls-min-v1.0` or a file behind OPENSSL_CONF would replace them, down to keys of 1024
 * bits (security level 2 asks for 112 bits of strength, SSL_CTX_set_security_level(3)).
 */
export const tlsProtocol = {
  minVersion: 'TLSv1.2',
  ciphers: `${constants.defaultCoreCipherList}:@SECLEVEL=2`,
} as const

/** For every connection that the service opens. Left unsaid, NODE_TLS_REJECT_UNAUTHORIZED=0 would turn it off. */
export const verifiesPeer = { rejectUnauthorized: true } as const
