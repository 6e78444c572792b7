import type { FaultCode } from '../errors/catalogue.ts'

/** What an operator can do to a running service, and `read`: what only shows something, of which refusals alone are told. */
export const operatorActions = [
  'purge_device',
  'purge_all',
  'guard_accept',
  'guard_reject',
  'recheck',
  'policy_reload',
  'policy_list_reload',
  'clients_reload',
  'service_certificate_reload',
  'management_certificate_reload',
  'client_certificate_reload',
  'read',
] as const
export type OperatorActionName = (typeof operatorActions)[number]

/** One action of an operator, or an attempt at one: who, from where, what, and what came of it. */
export interface OperatorAction {
  readonly action: OperatorActionName
  /** Name in the clients file, `local`, or undefined where nobody can say. */
  readonly client?: string | undefined
  /** Absent where a file was changed: nobody knows from where. */
  readonly remoteAddress?: string | undefined
  /** Method and pattern of the route; never what the caller wrote. */
  readonly route?: string | undefined
  /** Variable of the file that was changed; of a list file its path, as the policy writes it. */
  readonly file?: string | undefined
  /** Which device, as the address names it: nothing of it is validated. */
  readonly device?: { readonly kind: string; readonly value: string } | undefined
  /** refused: nothing was begun. failed: tried, and not done, or not to the end. */
  readonly result: 'done' | 'refused' | 'failed'
  /** Why it was not done. */
  readonly errorCode?: FaultCode | undefined
  /** How many remembered records it changed or forgot. */
  readonly records?: number | undefined
  /** The decision that a recheck gave. */
  readonly decisionId?: string | undefined
}
