import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import type { TokenSource } from './entra-token.ts'
import { type GraphDevice, managedDeviceProperties, parseManagedDevice } from './graph-device.ts'
import { parseFrontEndError, retryAfterText } from './intune-fault.ts'
import { parseJson } from './json-text.ts'
import type { HttpReply, Outbound } from './outbound.ts'
import { findRequestId, findRetryAfter } from './reply-headers.ts'
import { sendWithToken } from './send-with-token.ts'
import { normaliseGuid } from './wire-values.ts'

const QUERY_LIMIT_MS = 5000
const MAX_REPLY_BYTES = 512 * 1024
/** A page of Graph; a list that is longer is no answer to a question about one device. */
const MAX_ROWS = 1000

/** By what a managed device is looked for. */
export interface GraphQuestion {
  readonly by: 'deviceId' | 'entraDeviceId' | 'serialNumber' | 'imei'
  readonly value: string
}

/** The devices that Graph found, and how it was asked. */
export interface GraphAnswer {
  readonly devices: readonly GraphDevice[]
  readonly status: number
  readonly requestId: string
  readonly durationMs: number
}

export interface GraphDevicesOptions {
  /** Origin of Microsoft Graph, no trailing slash. */
  readonly graphUrl: string
  readonly graphTokens: TokenSource
  readonly outbound: Outbound
  readonly clock: Clock
  readonly note?: NoteDrift
}

/** Looks a device up in Intune's inventory. */
export type FindInGraph = (question: GraphQuestion) => Promise<Outcome<GraphAnswer>>

/** Names of the properties that a filter can be put on; `azureADDeviceId` is spelt as Graph v1.0 does. */
const FILTERS = { entraDeviceId: 'azureADDeviceId', serialNumber: 'serialNumber', imei: 'imei' } as const

/**
 * Managed devices through Microsoft Graph (v1.0 "Get managedDevice", "List managedDevices", permission
 * DeviceManagementManagedDevices.Read.All). No device is an empty list. Never rejects. Faults: those of the token and
 * the network, `details_*`, and `intune_reply_mismatch` where Graph sent other devices than the ones asked for.
 */
export function createGraphDevices(options: GraphDevicesOptions): FindInGraph {
  const { graphUrl, graphTokens, outbound, clock, note = ignoreDrift } = options
  const { host } = new URL(graphUrl)
  return async (question) => {
    const startedAtMs = clock.monotonicMs()
    const sentRequestId = randomUUID()
    const reply = await sendWithToken(graphTokens, (token) =>
      outbound.send({
        hop: 'details',
        method: 'GET',
        url: addressOf(graphUrl, question),
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token}`,
          'client-request-id': sentRequestId,
        },
        timeoutMs: QUERY_LIMIT_MS,
        maxBytes: MAX_REPLY_BYTES,
      }),
    )
    if (!reply.ok) return reply
    const { status, headers, body } = reply.value
    const requestId = findRequestId(headers) ?? sentRequestId
    const trace = { status, requestId, durationMs: clock.monotonicMs() - startedAtMs }
    const json = parseJson(body)
    if (status === 404 && question.by === 'deviceId' && GraphError.safeParse(json?.value).success) {
      return success({ devices: [], ...trace })
    }
    if (status !== 200) return describeGraphReply(reply.value, host, sentRequestId, clock.nowMs())

    const failed = (code: FaultCode, message: string, more: { readonly isContradiction?: true } = {}) =>
      failure(code, message, { hop: 'details', host, status, requestId, ...more })
    if (json?.repeatsKey) {
      return failed('details_reply_malformed', `${host} sent a managed device that has one property twice`, {
        isContradiction: true,
      })
    }
    const devices = readDevices(json?.value, question, note)
    if (!devices) return failed('details_reply_malformed', `${host} sent something that is no managed device`)
    const asked = devices.filter((device) => isAboutQuestion(device, question))
    if (asked.length === 0 && devices.length > 0) {
      return failed('intune_reply_mismatch', `${host} answered about another device than the one asked for`)
    }
    return success({ devices: asked, ...trace })
  }
}

function addressOf(graphUrl: string, { by, value }: GraphQuestion): string {
  const base = `${graphUrl}/v1.0/deviceManagement/managedDevices`
  const select = `$select=${managedDeviceProperties.join(',')}`
  if (by === 'deviceId') return `${base}/${encodeURIComponent(value)}?${select}`
  // OData string literal: a quote inside is doubled (OASIS OData 4.01 URL conventions, section 5.1.1.6.1).
  const filter = encodeURIComponent(`${FILTERS[by]} eq '${value.replaceAll("'", "''")}'`)
  return `${base}?$filter=${filter}&${select}`
}

/** A page that is followed by another one may be empty and yet not all there is (Graph v1.0, "Paging"). */
const List = z.object({
  value: z.array(z.unknown()).max(MAX_ROWS),
  '@odata.nextLink': z.null().optional(),
})

/** Graph's own 404, and not one of somebody in between ("Microsoft Graph error responses and resource types"). */
const GraphError = z.object({ error: z.object({ code: z.string() }) })

function readDevices(
  json: unknown,
  { by }: GraphQuestion,
  note: NoteDrift,
): readonly GraphDevice[] | undefined {
  const items = by === 'deviceId' ? [json] : List.safeParse(json).data?.value
  const devices = items?.map((item) => parseManagedDevice(item, note))
  return devices?.every((device) => device !== undefined) ? devices : undefined
}

/** A filter that Graph ignored would bring the first page of all devices. */
function isAboutQuestion({ deviceId, details }: GraphDevice, { by, value }: GraphQuestion): boolean {
  switch (by) {
    case 'deviceId':
      return deviceId === normaliseGuid(value)
    case 'entraDeviceId':
      return details.entraDeviceId === normaliseGuid(value)
    case 'serialNumber':
      return details.serialNumber?.toUpperCase() === value.toUpperCase()
    default:
      return details.imei?.replace(/\D/g, '').slice(0, 14) === value.slice(0, 14)
  }
}

/** What a reply of Graph other than 200 means. */
function describeGraphReply(reply: HttpReply, host: string, sentRequestId: string, nowMs: number) {
  const { status, headers, body } = reply
  const error = parseFrontEndError(body)
  return failure(classifyStatus(status), `${host} answered ${status} to the query of a managed device`, {
    hop: 'details',
    host,
    status,
    retryAfterMs: findRetryAfter(headers, nowMs, retryAfterText(reply, error.retryAfter)),
    requestId: error.activityId ?? findRequestId(headers) ?? sentRequestId,
  })
}

function classifyStatus(status: number): FaultCode {
  switch (status) {
    case 401:
      return 'details_unauthorized'
    case 403:
      return 'details_forbidden'
    case 429:
      return 'details_throttled'
    default:
      return status >= 500 ? 'details_unavailable' : 'details_rejected'
  }
}
