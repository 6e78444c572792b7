import { randomUUID } from 'node:crypto'
import { parseXml } from '../xml/xml-tree.ts'
import type { QueryOptions } from './device-query.ts'
import { sendWithToken } from './send-with-token.ts'

const PROBE_LIMIT_MS = 2000
const MAX_REPLY_BYTES = 64 * 1024
const XML_LIMITS = { maxCharacters: MAX_REPLY_BYTES, maxElements: 200, maxDepth: 8 }
const KEPT_MS = 60_000

/** Whether a service answers at this address at all; never rejects. */
export type ProbeService = (endpoint: string) => Promise<boolean>

/**
 * Asks a service to describe itself: the `mdminfo` document of Cisco's MDM API, which both services of Intune serve
 * beside their queries. It needs no device, so a 404 there is about the address and not about a device. The answer is
 * remembered for a minute.
 */
export function createServiceProbe(
  version: 2 | 3,
  { intuneTokens, outbound, clock }: QueryOptions,
): ProbeService {
  const latest = new Map<string, { readonly atMs: number; readonly served: Promise<boolean> }>()

  async function probe(endpoint: string): Promise<boolean> {
    const reply = await sendWithToken(intuneTokens, (token) =>
      outbound.send({
        hop: 'query',
        method: 'GET',
        url: `${endpoint}/ciscoise/mdminfo/?ise_api_version=${version}`,
        headers: {
          accept: 'application/xml',
          authorization: `Bearer ${token}`,
          'client-request-id': randomUUID(),
        },
        timeoutMs: PROBE_LIMIT_MS,
        maxBytes: MAX_REPLY_BYTES,
      }),
    )
    if (!reply.ok || reply.value.status !== 200) return false
    return describesItself(reply.value.body)
  }

  return (endpoint) => {
    const known = latest.get(endpoint)
    if (known && clock.monotonicMs() - known.atMs < KEPT_MS) return known.served
    const served = probe(endpoint)
    latest.set(endpoint, { atMs: clock.monotonicMs(), served })
    return served
  }
}

/** An error in the same form is no proof that the service is there. */
function describesItself(xml: string): boolean {
  const root = parseXml(xml, XML_LIMITS)
  const name = root?.children
    .find((child) => child.name === 'name')
    ?.text.trim()
    .toLowerCase()
  return root?.name === 'ise_api' && name === 'mdminfo'
}
