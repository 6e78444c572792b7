import { type DestinationStream, type Logger, pino, stdSerializers, symbols } from 'pino'
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

/**
 * Where the decision lines go besides a file: the stream of the logger itself, so that their order among the other
 * lines stays; undefined where the logger does not write at level info.
 */
export function lineOutput(logger: Logger): ((line: string) => void) | undefined {
  if (!logger.isLevelEnabled('info')) return undefined
  const stream: unknown = Reflect.get(logger, symbols.streamSym)
  return isStream(stream) ? (line) => void stream.write(line) : undefined
}

function isStream(value: unknown): value is DestinationStream {
  return typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function'
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
