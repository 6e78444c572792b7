import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { CertificateAndKey } from '../../src/certificates/certificate.ts'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'

const tenant = '11111111-1111-4111-8111-111111111111'

/** The token that it gives to everybody: the matrix looks for it in everything that is printed. */
export const splitCloudToken = 'split-cloud-opaque-access-token'

/** One of the hosts, or the login host from the second token request on. */
export type Broken = 'login' | 'login_after_first_token' | 'graph' | 'intune'

/** Login, Graph and Intune as three hosts of which one can be away or present a certificate that nobody trusts. */
export interface SplitCloud {
  readonly authorityUrl: string
  readonly graphUrl: string
  readonly caCertificatePem: string
  /** Sets everything back, then breaks one host for every connection from now on. */
  break(host: Broken, how: 'refused' | 'untrusted'): Promise<void>
  close(): Promise<void>
}

/**
 * Hosts that believe every assertion, so that each can have an origin of its own: a real token names the host that it
 * is for, and the simulator checks that.
 */
export async function startSplitCloud(): Promise<SplitCloud> {
  const [authority, stranger] = await Promise.all([
    createCertificateAuthority({ commonName: 'Split cloud root' }),
    createCertificateAuthority({ commonName: 'TLS inspection box' }),
  ])
  const names = { commonName: '127.0.0.1', ipAddresses: ['127.0.0.1'] }
  const good = await issueServerCertificate(authority, names)
  const bad = await issueServerCertificate(stranger, names)
  let afterFirstToken: (() => Promise<void>) | undefined

  const login = host(good, async (path) => {
    if (path.endsWith('/.well-known/openid-configuration')) return openidConfiguration(login.origin())
    const strike = afterFirstToken
    afterFirstToken = undefined
    return {
      type: 'application/json',
      body: `{"token_type":"Bearer","expires_in":3599,"access_token":"${splitCloudToken}"}`,
      ...(strike && { beforeLastByte: strike }),
    }
  })
  const graph = host(good, async () => ({
    type: 'application/json',
    body: JSON.stringify({
      value: [{ providerName: 'ComplianceRetrievalService', uri: `${intune.origin()}/CR` }],
    }),
  }))
  const intune = host(good, async () => ({
    type: 'application/xml',
    body: '<ise_api><deviceList/></ise_api>',
  }))
  const hosts = { login, graph, intune }
  for (const each of Object.values(hosts)) await each.listen()

  const strike = async (each: Host, how: 'refused' | 'untrusted') => {
    if (how === 'refused') return each.stop()
    each.present(bad)
  }
  return {
    authorityUrl: `${login.origin()}/${tenant}`,
    graphUrl: graph.origin(),
    caCertificatePem: authority.certificatePem,
    async break(broken, how) {
      for (const each of Object.values(hosts)) {
        each.present(good)
        await each.listen()
      }
      afterFirstToken = undefined
      if (broken === 'login_after_first_token') afterFirstToken = () => strike(login, how)
      else await strike(hosts[broken], how)
    },
    async close() {
      for (const each of Object.values(hosts)) await each.stop()
    },
  }
}

interface Answer {
  readonly type: string
  readonly body: string
  /** What happens while the answer goes out: whoever has it finds the host as it is from then on. */
  readonly beforeLastByte?: () => Promise<void>
}

interface Host {
  origin(): string
  listen(): Promise<void>
  stop(): Promise<void>
  present(pair: CertificateAndKey): void
}

/** An HTTPS server that keeps its port while it is stopped and started, and no connection open. */
function host(pair: CertificateAndKey, answer: (path: string) => Promise<Answer>): Host {
  let port = 0
  let server: Server | undefined
  let current = pair
  return {
    origin: () => `https://127.0.0.1:${port}`,
    async listen() {
      if (server) return
      const started = createServer(
        { cert: current.certificatePem, key: current.privateKeyPem },
        async (request, response) => {
          request.resume()
          const { type, body, beforeLastByte } = await answer((request.url ?? '/').split('?', 1)[0] ?? '/')
          response.writeHead(200, { 'content-type': type, connection: 'close' })
          await beforeLastByte?.()
          response.end(body)
        },
      )
      await new Promise<void>((resolve) => started.listen(port, '127.0.0.1', resolve))
      port = (started.address() as AddressInfo).port
      server = started
    },
    async stop() {
      // Answers under way still go out; only listening ends.
      server?.close()
      server = undefined
    },
    present(next) {
      current = next
      server?.setSecureContext({ cert: next.certificatePem, key: next.privateKeyPem })
    },
  }
}

function openidConfiguration(origin: string): Answer {
  const body = JSON.stringify({
    issuer: `${origin}/${tenant}/v2.0`,
    authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
    token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
    jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
  })
  return { type: 'application/json', body }
}
