import { readFileSync } from 'node:fs'
import { ConfidentialClientApplication } from '@azure/msal-node'
import { Agent, fetch } from 'undici'
import { loadClientCertificate } from '../../src/intune/client-certificate.ts'

/** The way to Intune as somebody would write it in an afternoon: nothing is kept but connections. */
export interface NaiveIntune {
  /** A new token for the resource, as a header. */
  fetchToken(resource: string): Promise<{ authorization: string }>
  /** Asks discovery where Compliance Retrieval is. */
  fetchServiceUri(): Promise<string>
  readonly agent: Agent
}

export const intuneResource = 'https://api.manage.microsoft.com/'

/** The query of one MAC address, below the service's URI. */
export function macQuery(mac: string): string {
  return `/cisco/devices/?paging=0&querycriteria=macaddress&value=${mac}&filter=all`
}

/** `environment` has INTUNE_* as for the service. */
export function createNaiveIntune(environment: Readonly<Record<string, string | undefined>>): NaiveIntune {
  const origin = environment.INTUNE_AUTO_DISCOVERY_URL ?? ''
  const agent = new Agent({
    connections: 64,
    connect: { ca: readFileSync(environment.INTUNE_CA_FILE ?? '', 'utf8') },
  })
  const loaded = loadClientCertificate({
    certificateFile: environment.INTUNE_CERTIFICATE_FILE ?? '',
    privateKeyFile: environment.INTUNE_PRIVATE_KEY_FILE ?? '',
  })
  if (!loaded.ok) throw new Error(loaded.fault.message)
  const { thumbprintSha256, privateKeyPem } = loaded.value

  async function send(
    url: string,
    init: { method?: string; headers?: Record<string, string>; body?: string },
  ) {
    const reply = await fetch(url, { ...init, dispatcher: agent })
    const headers = Object.fromEntries(reply.headers)
    return { status: reply.status, headers, body: JSON.parse(await reply.text()) }
  }

  async function fetchToken(resource: string) {
    const msal = new ConfidentialClientApplication({
      auth: {
        clientId: environment.INTUNE_CLIENT_ID ?? '',
        authority: environment.INTUNE_TOKEN_ISSUING_URL ?? '',
        knownAuthorities: [new URL(origin).host],
        clientCertificate: { thumbprintSha256, privateKey: privateKeyPem },
      },
      system: {
        networkClient: {
          sendGetRequestAsync: (url, options) => send(url, { headers: options?.headers ?? {} }),
          sendPostRequestAsync: (url, options) =>
            send(url, { method: 'POST', headers: options?.headers ?? {}, body: options?.body ?? '' }),
        },
      },
    })
    const result = await msal.acquireTokenByClientCredential({ scopes: [`${resource}/.default`] })
    return { authorization: `Bearer ${result?.accessToken ?? ''}` }
  }

  return {
    agent,
    fetchToken,
    async fetchServiceUri() {
      const path = '/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints'
      const { body } = await send(`${origin}${path}`, { headers: await fetchToken(origin) })
      return body.value.find(
        ({ providerName }: { providerName: string }) => providerName === 'ComplianceRetrievalService',
      ).uri
    },
  }
}
