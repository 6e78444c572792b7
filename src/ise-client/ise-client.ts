import { rootCertificates } from 'node:tls'
import { Agent, request } from 'undici'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { tlsProtocol, verifiesPeer } from '../tls/secure-defaults.ts'
import {
  type MdmDevice,
  type MdmDevicePage,
  type MdmInfo,
  readDevicePage,
  readError,
  readMdmInfo,
} from './read-reply.ts'

/** What is filled in in the form of ISE for an MDM server. */
export interface IseClientOptions {
  /** `https://host:port`, with the Instance Name as its path. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** PEM: what ISE has under Trusted Certificates, besides the public authorities. */
  readonly caPem?: string
  /** The newest version that this ISE speaks: 3 since ISE 3.1, 2 since ISE 1.4. */
  readonly apiVersion?: 1 | 2 | 3
  readonly timeoutMs?: number
}

/** How an endpoint is known to ISE: the GUID from its certificate, its address, or both. */
export interface Endpoint {
  readonly guid?: string
  readonly macAddress?: string
}

/** Does what ISE does with an MDM server. Faults: the codes that begin with `mdm_`. */
export interface IseClient {
  /** The button Test Connection: reads mdminfo, and from it where everything else is. */
  testConnection(): Promise<Outcome<MdmInfo>>
  /** Asks by guid and, where the server does not know it, by address; undefined is an unregistered endpoint. */
  lookUp(endpoint: Endpoint): Promise<Outcome<MdmDevice | undefined>>
  /** The poll of a policy service node: every page of the list of devices that are not compliant. */
  poll(by: 'guid' | 'macaddress'): Promise<Outcome<readonly MdmDevice[]>>
  /** The query before a session is authorised again: true where the answer is another one, so that a CoA is due. */
  requery(endpoint: Endpoint, before: MdmDevice | undefined): Promise<Outcome<boolean>>
  close(): Promise<void>
}

/** A server that never ends its list must not keep a client for ever. */
const maxPages = 10_000

/** Builds the client. Connections are kept open and verified against the public authorities and `caPem`. */
export function createIseClient(options: IseClientOptions): IseClient {
  const { username, password, caPem, apiVersion = 3, timeoutMs = 10_000 } = options
  const base = options.url.replace(/\/+$/, '')
  const { origin } = new URL(base)
  const agent = new Agent({
    connect: {
      ca: [...rootCertificates, ...(caPem === undefined ? [] : [caPem])],
      timeout: timeoutMs,
      ...tlsProtocol,
      ...verifiesPeer,
    },
  })
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  let info: MdmInfo | undefined

  async function get(url: string): Promise<Outcome<string>> {
    try {
      const reply = await request(url, {
        dispatcher: agent,
        headers: { authorization, accept: 'application/xml' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await reply.body.text()
      return reply.statusCode === 200 ? success(text) : refused(origin, reply.statusCode, text)
    } catch (error) {
      return notReached(origin, error)
    }
  }

  async function testConnection(): Promise<Outcome<MdmInfo>> {
    const query = apiVersion === 1 ? '' : `/?ise_api_version=${apiVersion}`
    const reply = await get(`${base}/ciscoise/mdminfo${query}`)
    if (!reply.ok) return reply
    const read = readMdmInfo(reply.value)
    if (read.ok) info = read.value
    return read
  }

  async function query(
    criteria: string,
    value: string,
    { paging = '0', more = '' }: { readonly paging?: string; readonly more?: string } = {},
  ): Promise<Outcome<MdmDevicePage>> {
    const known = info === undefined ? await testConnection() : success(info)
    if (!known.ok) return known
    const { apiPath, apiVersion: spoken } = known.value
    const path =
      spoken === 1
        ? `/devices/${paging}/${criteria}/${encodeURIComponent(value)}/all`
        : `/devices/?paging=${paging}&querycriteria=${criteria}&value=${encodeURIComponent(value)}${more}&filter=all`
    const reply = await get(`${origin}${apiPath}${path}`)
    return reply.ok ? readDevicePage(reply.value) : reply
  }

  async function lookUp({ guid, macAddress }: Endpoint): Promise<Outcome<MdmDevice | undefined>> {
    const questions: [string, string][] = []
    if (guid !== undefined) questions.push(['guid', guid])
    if (macAddress !== undefined) questions.push(['macaddress', macAddress])
    for (const [criteria, value] of questions) {
      const page = await query(criteria, value)
      if (!page.ok) return page
      const [device] = page.value.devices
      if (device !== undefined) return success(device)
    }
    return success(undefined)
  }

  return {
    testConnection,
    lookUp,
    async poll(by) {
      const devices: MdmDevice[] = []
      let paging = '0'
      for (let page = 0; page < maxPages; page += 1) {
        const reply = await query('compliance', 'false', { paging, more: `&deviceidentifier=${by}` })
        if (!reply.ok) return reply
        for (const device of reply.value.devices) devices.push(device)
        if (reply.value.next === '0') return success(devices)
        paging = encodeURIComponent(reply.value.next)
      }
      return failure('mdm_reply_malformed', `The list of the MDM server has no end after ${maxPages} pages.`)
    },
    async requery(endpoint, before) {
      const now = await lookUp(endpoint)
      if (!now.ok) return now
      return success(
        now.value?.registered !== before?.registered || now.value?.compliant !== before?.compliant,
      )
    },
    close: () => agent.close(),
  }
}

/** ISE tells these apart as: wrong credentials, or a server that is not reachable. What the server says of it, it does not show. */
function refused(host: string, status: number, text: string) {
  const error = readError(text)
  const said = error === undefined ? '' : ` It says ${error.code}: ${error.message}`
  if (status === 401) {
    const message = `${host} refused the user name and password (HTTP 401).${said}`
    return failure('mdm_credentials_refused', message, { status })
  }
  if (status === 403) {
    const message = `${host} does not let this caller in (HTTP 403).${said}`
    return failure('mdm_access_refused', message, { status })
  }
  return failure(
    'mdm_unreachable',
    `${host} answered with HTTP ${status}: ISE calls that unreachable.${said}`,
    {
      status,
    },
  )
}

const certificateErrors: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function notReached(host: string, error: unknown) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer in time'
  if (certificateErrors.has(code)) {
    return failure('mdm_certificate_untrusted', `The certificate of ${host} is not trusted (${code}).`)
  }
  return failure('mdm_unreachable', `${host} cannot be reached (${code}).`)
}
