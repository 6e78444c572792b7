import { type DestinationStream, type Logger, pino, stdSerializers, symbols } from 'pino'
import type { LogSettings } from '../config/settings.ts'
import { currentTrace } from '../trace-context.ts'
import { hideSecrets } from './hide-secrets.ts'
import { LineBatch } from './line-batch.ts'

/**
 * The one logger; components get a child with their name. Secrets are never handed to it in the first place; the
 * redaction paths are the second lock, for an error object of a library that carries a request.
 */
export function createLogger(settings: Pick<LogSettings, 'level'>, destination?: DestinationStream): Logger {
  const options = {
    level: settings.level,
    base: { service: 'intune-nac' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    mixin: traceOfLookup,
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

/** What a look-up for a traced request logs carries the id of the trace. */
function traceOfLookup(): { traceId?: string } {
  const trace = currentTrace()
  return trace ? { traceId: trace.traceId } : {}
}

/**
 * Where the decision lines go besides a file: the stream of the logger itself, so that their order among the other
 * lines stays; undefined where the logger does not write at level info.
 */
export function lineOutput(logger: Logger): ((line: Buffer) => void) | undefined {
  if (!logger.isLevelEnabled('info')) return undefined
  const stream: unknown = Reflect.get(logger, symbols.streamSym)
  if (!isStream(stream)) return undefined
  return stream instanceof BatchedOutput
    ? (line) => stream.write(line)
    : (line) => {
        stream.write(line.toString())
      }
}

function isStream(value: unknown): value is DestinationStream {
  return typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function'
}

/**
 * Type, message, code and stack alone, those of its causes in them: errors of HTTP libraries drag requests, headers and
 * bodies behind them, and some quote in their messages what they were sent.
 */
function bareError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  const { type, message, stack } = stdSerializers.err(error)
  const code = (error as NodeJS.ErrnoException).code
  return {
    type,
    message: hideSecrets(message),
    ...(code !== undefined && { code }),
    stack: hideSecrets(stack),
  }
}

/**
 * Standard output, written in batches: one write call per decision would cost more than the decision. What is logged
 * appears at most 100 ms later, and nothing is lost at the end of the process, a crash of its own included.
 */
export function batchedStandardOutput(): DestinationStream {
  const output = new BatchedOutput()
  process.once('exit', () => output.flushSync())
  return output
}

const batchBytes = 262_144
const flushAfterMs = 100

class BatchedOutput implements DestinationStream {
  // Takes whole batches, waits where a pipe is full, and writes one at a time.
  readonly #output = pino.destination({ dest: 1, sync: false, maxWrite: 2 * batchBytes })
  #batch = new LineBatch()
  #isFlushDue = false

  write(line: string | Buffer): void {
    this.#batch.append(line)
    if (this.#batch.length >= batchBytes) this.#handOver()
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      setTimeout(() => this.#handOver(), flushAfterMs).unref()
    }
  }

  /** Called at the end of the process, and by pino for a fatal line. */
  flushSync(): void {
    this.#handOver()
    this.#output.flushSync()
  }

  #handOver(): void {
    this.#isFlushDue = false
    if (this.#batch.length === 0) return
    this.#output.write(this.#batch.bytes.toString())
    this.#batch.clear()
  }
}
