import type { Settings } from '../config/settings.ts'
import type { ParsedPolicy } from '../policy/policy-file.ts'
import { loadPolicy } from '../policy/site-policy.ts'
import { loadClients } from '../server/followed-clients.ts'
import type { CommandContext } from './command.ts'

/**
 * Reads POLICY_FILE and CLIENTS_FILE as `serve` does. Prints every problem, and what is odd about the policy, to standard
 * error; false where the service would not start with them.
 */
export function checkOperatorFiles(settings: Settings, context: CommandContext): boolean {
  const { policyFile, clientsFile, serviceTls } = settings
  const policyIsFine = policyFile === undefined || readPolicy(policyFile, context) !== undefined
  if (clientsFile === undefined) return policyIsFine
  const clients = loadClients(clientsFile, { verifiesCertificates: serviceTls?.clientCaFile !== undefined })
  if (!clients.ok) context.err(clients.fault.message)
  return policyIsFine && clients.ok
}

/** The policy, or undefined after every problem was printed to standard error; warnings are printed too. */
export function readPolicy(file: string, context: CommandContext): ParsedPolicy | undefined {
  const policy = loadPolicy(file)
  if (!policy.ok) {
    context.err(policy.fault.message)
    return undefined
  }
  for (const warning of policy.value.warnings) context.err(`warning: ${warning}`)
  return policy.value
}
