import { faultCatalogue } from './catalogue.ts'
import type { Fault } from './fault.ts'

/** What to do about a wrong setting depends on what it names; for anything else the catalogue has one for all. */
const ofField: Readonly<Record<string, string>> = {
  POLICY_FILE:
    'Correct the policy file, or the list file that is named, at the line and column of the message; `intune-nac config --policy FILE` checks it (docs/policy.md).',
  CLIENTS_FILE:
    'Correct the clients file at the line and column of the message; `intune-nac client add` writes right entries (docs/clients.md).',
  INTUNE_CA_FILE:
    'Point INTUNE_CA_FILE at a PEM file of root certificates that the service may read, or unset it where nothing intercepts TLS.',
  HTTPS_PROXY:
    'Write HTTPS_PROXY as http://user:password@host:port, percent-encoded, or unset it (docs/configuration.md#proxy).',
  keyCredentials:
    'Download the manifest of the app registration again (Entra admin center, App registrations, Manifest), then repeat the command with it.',
  DECISION_LOG_FILE: 'Name a file in a directory that the service may write to (docs/decision-log.md).',
}

/** What to do about a fault, in view of the file or variable that it is about. */
export function remedyOf({ code, field }: Pick<Fault, 'code' | 'field'>): string {
  const special = code === 'configuration_invalid' && field !== undefined ? ofField[field] : undefined
  return special ?? faultCatalogue[code].remedy
}
