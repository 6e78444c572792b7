import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino'
import type { LogSettings } from '../config/settings.ts'

/**
 * The one logger; components get a child with their name. Secrets are never handed to it in the first place; the
 * redaction paths are the second lock, for an error object of a library that carries a request.
 */
export function createLogger(settings: Pick<LogSettings, 'level'>, destination?: DestinationStream): Logger {
  const options = {
    level: settings.level,
    base: { service: 'intune-nac' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: [
        'req.headers.authorization',
        'headers.authorization',
        'authorization',
        'password',
        'passphrase',
      ],
      censor: '[redacted]',
    },
    serializers: { err: bareError },
  }
  return destination ? pino(options, destination) : pino(options)
}

/** Type, message, code and stack alone: errors of HTTP libraries drag requests, headers and bodies behind them. */
function bareError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  const { type, message, stack } = stdSerializers.err(error)
  const code = (error as NodeJS.ErrnoException).code
  return { type, message, ...(code !== undefined && { code }), stack }
}

/**
 * Standard output, written in batches: one write call per decision would cost more than the decision. What is logged
 * appears at most 100 ms later, and nothing is lost at the end of the process, a crash of its own included.
 */
export function batchedStandardOutput(): DestinationStream {
  const output = pino.destination({
    dest: 1,
    sync: false,
    minLength: 65_536,
    maxWrite: 262_144,
    periodicFlush: 100,
  })
  process.once('exit', () => {
    output.flushSync()
  })
  return output
}
