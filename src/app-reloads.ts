import type { OperatorAction } from './decision/operator-action.ts'
import type { FaultCode } from './errors/catalogue.ts'
import type { CertificateEvent } from './intune/rotating-certificate.ts'

/** Which action the change of an operator's file is, by the variable that names the file. */
const reloads = {
  POLICY_FILE: 'policy_reload',
  CLIENTS_FILE: 'clients_reload',
  SERVICE_TLS_CERTIFICATE_FILE: 'service_certificate_reload',
  MANAGEMENT_TLS_CERTIFICATE_FILE: 'management_certificate_reload',
  INTUNE_CERTIFICATE_FILE: 'client_certificate_reload',
} as const satisfies Readonly<Record<string, OperatorAction['action']>>

/** A change of a file as an action; whoever may write the file did it, on this machine. `code`: why it was refused. */
export function fileReload(file: keyof typeof reloads, code?: FaultCode): OperatorAction {
  const result = code === undefined ? 'done' : 'refused'
  return { action: reloads[file], client: 'local', file, result, errorCode: code }
}

/** A change of a list file of the policy, by its path as the policy writes it. */
export function listReload(list: string, code?: FaultCode): OperatorAction {
  return { ...fileReload('POLICY_FILE', code), action: 'policy_list_reload', file: list }
}

/**
 * Gives for each event of the client certificate the action that it is, if any. A certificate that Entra ID does not know
 * yet is tried again every minute: that is one refusal.
 */
export function noteCertificateReloads(): (event: CertificateEvent) => OperatorAction | undefined {
  let refused: string | undefined
  return (event) => {
    switch (event.kind) {
      case 'loaded':
        return undefined
      case 'in_use':
        refused = undefined
        return fileReload('INTUNE_CERTIFICATE_FILE')
      case 'files_refused':
        return fileReload('INTUNE_CERTIFICATE_FILE', event.fault.code)
      case 'not_accepted': {
        const attempt = `${event.certificate.thumbprintSha256} ${event.fault.code}`
        if (attempt === refused) return undefined
        refused = attempt
        return fileReload('INTUNE_CERTIFICATE_FILE', event.fault.code)
      }
    }
  }
}
