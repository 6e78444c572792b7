import { channel } from 'node:diagnostics_channel'

/** What undici publishes of a request before it is sent: its fields one after the other, names and values in turn. */
interface CreatedRequest {
  origin: string | URL
  headers: string[]
  addHeader(name: string, value: string): unknown
}

/** The names of the fields that this service sends to each origin, in lower case: MSAL writes `Content-Type`. */
const namesByOrigin = new Map<string, Set<string>>()

/** The one field that an instrumentation may write: a trace id and a flag, the same that the service writes itself. */
const traceparent = 'traceparent'

/**
 * Keeps what others in the process add to requests from leaving with them. An instrumentation of undici (OpenTelemetry's, and
 * those of other monitoring agents) writes fields into every request, and some of them hold what a caller of this service
 * sent: `tracestate`, `baggage` (W3C Baggage), vendors' own. To the origins that were registered here only the service's own
 * fields go, and one `traceparent`.
 */
export function registerOwnHeaders(origin: string, names: Iterable<string>): void {
  let known = namesByOrigin.get(origin)
  if (known === undefined) {
    known = new Set([traceparent])
    namesByOrigin.set(origin, known)
  }
  for (const name of names) known.add(name.toLowerCase())
}

// undici publishes each request here, also those of the copy that Node's fetch uses; instrumentations write in this moment.
channel('undici:request:create').subscribe((message) => {
  const { request } = message as { request: CreatedRequest }
  const own = namesByOrigin.get(String(request.origin))
  if (own === undefined) return
  // Those that were subscribed before have written already.
  for (let at = request.headers.length - 2; at >= 0; at -= 2) {
    if (!own.has(String(request.headers[at]).toLowerCase())) request.headers.splice(at, 2)
  }
  // Those that come after this one write with it.
  const { addHeader } = request
  request.addHeader = (name, value) => {
    if (String(name).toLowerCase() === traceparent) addHeader.call(request, name, value)
    return request
  }
})
