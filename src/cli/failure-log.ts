import { createLogger } from '../telemetry/logger.ts'
import type { CommandContext } from './command.ts'

/**
 * The context of a command whose output is a log: where standard output is no terminal, failures to start are lines of
 * that log, and the text for people goes to terminals alone. `raw` writes without escaping, because a line of JSON needs
 * none and would be spoilt by it.
 */
export function withFailureLog(context: CommandContext, raw: CommandContext): CommandContext {
  const { out: outIsTerminal, err: errIsTerminal } = context.isTerminal ?? { out: true, err: true }
  if (outIsTerminal) return context
  const logger = createLogger({ level: 'fatal' }, { write: (line) => raw.out(line.trimEnd()) })
  return {
    ...context,
    err: errIsTerminal ? context.err : () => {},
    logFailure: (fields, message) => logger.fatal({ event: 'start_refused', ...fields }, message),
  }
}
