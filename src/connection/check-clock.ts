import type { Clock } from '../clock.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { failure } from '../errors/fault.ts'
import type { Outbound } from '../intune/outbound.ts'
import type { Finding } from './step-runner.ts'

const WARN_OFFSET_MS = 60_000
/** Entra ID tolerates about five minutes between the clocks before it refuses an assertion (AADSTS700024). */
const FAIL_OFFSET_MS = 5 * 60_000

/**
 * Compares the clock of this machine with the Date header (RFC 9110 section 6.6.1) of the login host. A host that does
 * not tell the time is a warning: the token step will say whether it matters. Fault: `entra_clock_skew`.
 */
export async function checkClock(
  authorityUrl: string,
  outbound: Outbound,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<Finding<void>> {
  const { host } = new URL(authorityUrl)
  const sentAtMs = clock.nowMs()
  const reply = await outbound.send({
    hop: 'token',
    method: 'GET',
    url: `${authorityUrl}/v2.0/.well-known/openid-configuration`,
    headers: { accept: 'application/json' },
    timeoutMs: limitMs,
    maxBytes: 128 * 1024,
  })
  const midMs = (sentAtMs + clock.nowMs()) / 2
  const unread = (why: string): Finding<void> => ({
    result: 'warn',
    detail: `the time could not be compared: ${why}`,
    remedy: faultCatalogue.entra_clock_skew.remedy,
    value: undefined,
  })
  if (!reply.ok) return unread(reply.fault.message)
  const dateMs = Date.parse(reply.value.headers.date ?? '')
  if (Number.isNaN(dateMs)) return unread(`${host} sent no Date header`)
  const ageMs = /^\d{1,9}$/.test(reply.value.headers.age ?? '') ? Number(reply.value.headers.age) * 1000 : 0
  // The header counts whole seconds, so half a second is in it on average.
  const offsetMs = midMs - (dateMs + ageMs + 500)
  const distance = describeOffset(offsetMs, host)
  if (Math.abs(offsetMs) > FAIL_OFFSET_MS) {
    const message = `the clock of this machine is ${distance}; Entra ID refuses more than five minutes`
    return { result: 'fail', fault: failure('entra_clock_skew', message, { host }).fault }
  }
  if (Math.abs(offsetMs) > WARN_OFFSET_MS) {
    return {
      result: 'warn',
      detail: distance,
      remedy: faultCatalogue.entra_clock_skew.remedy,
      value: undefined,
    }
  }
  return { result: 'ok', detail: distance, value: undefined }
}

function describeOffset(offsetMs: number, host: string): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1000)
  if (seconds <= 1) return `the same as that of ${host}`
  return `${seconds} s ${offsetMs > 0 ? 'ahead of' : 'behind'} ${host}`
}
