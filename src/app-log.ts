import type { Logger } from 'pino'
import type { BackgroundFailure } from './background.ts'
import { type FaultCode, faultCatalogue } from './errors/catalogue.ts'
import type { HealthReport } from './health/health.ts'
import type { ClaimNotice } from './lifecycle/claims.ts'
import type { PolicyChange } from './policy/site-policy.ts'
import type { TlsReload, TlsVariables } from './server/tls.ts'
import type { DecisionLogFileNotice } from './telemetry/decision-log-file.ts'

/** Says what ended in an exception behind answers, once for each. What the service says to callers does not depend on it. */
export function logBackgroundFailure(logger: Logger, { task, error }: BackgroundFailure): void {
  logger.error({ event: 'background_failed', task, err: error }, 'work behind answers ended in an exception')
}

/** Says that files are shared with another service, that nobody would notice if they were, and what became of locks. */
export function logClaimNotice(logger: Logger): (notice: ClaimNotice) => void {
  return (notice) => {
    switch (notice.kind) {
      case 'state_shared': {
        const { others } = notice
        logger.warn({ event: 'state_shared', others }, 'another service is running on the same STATE_DIR')
        return
      }
      case 'decision_log_not_locked': {
        const text = 'DECISION_LOG_FILE cannot be locked: nobody would notice a second writer'
        logger.warn({ event: 'decision_log_not_locked', file: notice.file }, text)
        return
      }
      case 'decision_log_taken': {
        const { file, by } = notice
        const text =
          'the lock of DECISION_LOG_FILE was deleted, and another service has it: lines wait in memory'
        logger.error({ event: 'decision_log_taken', file, by }, text)
        return
      }
      case 'lock_taken_again': {
        const text = 'a lock was deleted while the service ran; it was taken again'
        logger.warn({ event: 'lock_taken_again', file: notice.file }, text)
        return
      }
      case 'state_dir_silent': {
        const text =
          'the file system of STATE_DIR does not answer; it is waited for, and nobody waits with it'
        logger.error({ event: 'state_dir_silent', directory: notice.directory }, text)
      }
    }
  }
}

/** Says that the decision log cannot be written, that it can again, and that it is another file now. */
export function logFileNotice(logger: Logger): (notice: DecisionLogFileNotice) => void {
  return (notice) => {
    switch (notice.kind) {
      case 'failed': {
        const text = 'DECISION_LOG_FILE cannot be written; lines wait in memory, up to 64 MiB of them'
        logger.error({ event: 'decision_log_failed', code: notice.code }, text)
        return
      }
      case 'back': {
        const { lostLines } = notice
        logger.warn({ event: 'decision_log_back', lostLines }, 'DECISION_LOG_FILE is written again')
        return
      }
      case 'replaced': {
        const text = 'DECISION_LOG_FILE was deleted, moved, cut short or replaced: it goes on in a new file'
        logger.error({ event: 'decision_log_replaced', movedTo: notice.movedTo }, text)
        return
      }
      case 'not_looked_at': {
        const text = 'DECISION_LOG_FILE cannot be looked at: nobody would notice if it were deleted'
        logger.error({ event: 'decision_log_not_looked_at' }, text)
      }
    }
  }
}

/** Says which policy is in force. Names line and column of each problem; the file holds no secret. */
export function logPolicyChange(logger: Logger): (change: PolicyChange) => void {
  return (change) => {
    if (!change.taken) {
      const text = 'POLICY_FILE or a list file of it was changed but is refused; what was in force stays'
      logger.error({ event: 'policy_refused', problems: change.problem.split('\n') }, text)
      return
    }
    if (change.list) {
      const { path: file, devices } = change.list
      return logger.info({ event: 'policy_list_loaded', file, devices }, 'list of the policy loaded')
    }
    logger.info({ event: 'policy_loaded', rules: change.rules }, 'policy loaded')
    for (const warning of change.warnings) logger.warn({ event: 'policy_warning' }, warning)
  }
}

/** Says which certificate a listener shows. */
export function logTlsReload(variables: TlsVariables, reload: TlsReload, logger: Logger): void {
  if (reload.reloaded) {
    const notAfter = new Date(reload.notAfterMs).toISOString()
    logger.info({ event: 'tls_loaded', variables, notAfter }, 'serving with a new certificate')
    return
  }
  const text = `${variables}_* files were changed but are refused; the certificate in use stays`
  logger.error({ event: 'tls_refused', variables, problem: reload.fault.message }, text)
}

/**
 * Gives what looks at the certificates of the listeners, as /readyz sees them, and says once where one is not valid, or
 * soon will not be. What is wrong with files is said where they are read.
 */
export function logCertificateValidity(report: () => HealthReport, logger: Logger): () => void {
  const said = new Map<string, FaultCode | undefined>()
  return () => {
    const { checks } = report()
    for (const [check, variable] of Object.entries(certificateVariables)) {
      const { code, what, remedy } = checks[check] ?? {}
      if (said.get(check) === code) continue
      said.set(check, code)
      if (code === undefined || !validityCodes.has(code)) continue
      const text = `the certificate of ${variable}: ${what}`
      const level = code === 'service_tls_expires_soon' ? 'warn' : 'error'
      logger[level]({ event: 'tls_validity', code, remedy }, text)
    }
  }
}

const certificateVariables = {
  tls: 'SERVICE_TLS_CERTIFICATE_FILE',
  managementTls: 'MANAGEMENT_TLS_CERTIFICATE_FILE',
} as const

const validityCodes: ReadonlySet<FaultCode> = new Set([
  'service_tls_expired',
  'service_tls_not_yet_valid',
  'service_tls_expires_soon',
] satisfies FaultCode[])

/** Says that the clock is wrong, once, and that it is right again. */
export function logClockChange(logger: Logger): (isWrong: boolean, aheadMs: number) => void {
  return (isWrong, aheadMs) => {
    const aheadSeconds = Math.round(aheadMs / 1000)
    if (!isWrong) {
      logger.info({ event: 'clock_right', aheadSeconds }, 'the clock agrees with that of Microsoft again')
      return
    }
    const { remedy } = faultCatalogue.entra_clock_skew
    logger.error({ event: 'clock_wrong', aheadSeconds, remedy }, 'the clock of this machine is wrong')
  }
}
