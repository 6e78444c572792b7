import type { Clock } from '../clock.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { failure } from '../errors/fault.ts'
import type { Outbound } from '../intune/outbound.ts'
import { readServerTime, wrongAboveMs } from '../intune/server-time.ts'
import type { Finding } from './step-runner.ts'

/** Entra ID tolerates about five minutes between the clocks before it refuses an assertion (AADSTS700024). */
const FAIL_OFFSET_MS = 5 * 60_000

/**
 * Compares the clock of this machine with the Date header (RFC 9110 section 6.6.1) of the login host. A host that does
 * not tell the time is a warning: the token step will say whether it matters. Fault: `entra_clock_skew`, also where the
 * certificate of the host is not valid at the time that this machine believes it is.
 */
export async function checkClock(
  authorityUrl: string,
  outbound: Outbound,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<Finding<void>> {
  const { host } = new URL(authorityUrl)
  const sentAtMs = clock.monotonicMs()
  const reply = await outbound.send({
    hop: 'token',
    method: 'GET',
    url: `${authorityUrl}/v2.0/.well-known/openid-configuration`,
    headers: { accept: 'application/json' },
    timeoutMs: limitMs,
    maxBytes: 128 * 1024,
  })
  const receivedAtMs = clock.monotonicMs()
  const wrong = (message: string): Finding<void> => ({
    result: 'fail',
    fault: failure('entra_clock_skew', message, { host }).fault,
  })
  const warn = (detail: string): Finding<void> => ({
    result: 'warn',
    detail,
    remedy: faultCatalogue.entra_clock_skew.remedy,
    value: undefined,
  })
  if (!reply.ok && reply.fault.code === 'tls_certificate_date') {
    const now = new Date(clock.nowMs()).toISOString()
    return wrong(`this machine says that it is ${now}, and ${reply.fault.message}`)
  }
  if (!reply.ok) return warn(`the time could not be compared: ${reply.fault.message}`)
  const reading = readServerTime(reply.value, { sentAtMs, receivedAtMs })
  if (reading === undefined) return warn(`the time could not be compared: ${host} sent no Date header`)
  const aheadMs = clock.nowMs() - (clock.monotonicMs() + reading.offsetMs)
  const distance = describeDistance(aheadMs, host)
  if (Math.abs(aheadMs) > FAIL_OFFSET_MS) {
    return wrong(`the clock of this machine is ${distance}; Entra ID refuses more than five minutes`)
  }
  if (Math.abs(aheadMs) > wrongAboveMs) return warn(distance)
  return { result: 'ok', detail: distance, value: undefined }
}

function describeDistance(aheadMs: number, host: string): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  if (seconds <= 1) return `the same as that of ${host}`
  return `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ${host}`
}
