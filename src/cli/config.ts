import { type Command, exitCodes, parseCommandLine } from './command.ts'
import { configured } from './configured.ts'

/** `intune-nac config`: checks the environment and prints the settings as JSON; secrets only as set or not set. */
export const config: Command = async (args, context) => {
  parseCommandLine(args, {})
  const loaded = configured(context)
  if (!loaded) return exitCodes.wrongConfiguration
  const secrets = {
    privateKeyPassphrase: loaded.secrets.privateKeyPassphrase === undefined ? '(not set)' : '(set)',
  }
  context.out(JSON.stringify({ ...loaded.settings, secrets }, null, 2))
  for (const notice of loaded.notices) context.err(`note: ${notice}`)
  return exitCodes.fine
}
