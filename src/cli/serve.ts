import closeWithGrace from 'close-with-grace'
import { buildApp } from '../app.ts'
import { warnOfPermissions } from '../app-files.ts'
import { noteBackgroundFailure } from '../background.ts'
import { StartRefused } from '../lifecycle/start-refused.ts'
import { productVersion } from '../product-version.ts'
import { batchedStandardOutput, createLogger } from '../telemetry/logger.ts'
import { type ExitCode, exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configured, printFileFaults } from './configured.ts'
import { explainListen } from './explain-listen.ts'

/** What closing may take after the grace, before the process ends anyway. */
const closeLimitMs = 10_000

const form = {
  name: 'serve',
  usage: [''],
  does: [
    'Runs the service until SIGTERM, SIGINT or another signal.',
    'Environment variables configure everything: docs/configuration.md; intune-nac config checks them.',
  ],
  options: {},
  examples: ['serve'],
  exitCodes: {
    0: 'stopped by a signal',
    1: 'could not start, or was not stopped in order',
    78: 'the configuration is wrong, or a file that it names',
  },
} as const satisfies CommandForm

/**
 * `intune-nac serve`: runs until a signal. SIGTERM is announced for SHUTDOWN_GRACE_SECONDS; then, and at once after any
 * other signal, the answers under way are finished and everything is written, within 10 seconds: exit code 0. A second
 * signal, or a stop that takes longer, ends the process as it is: exit code 1. So does, in order, an exception that nobody
 * has caught; a promise that was rejected and that nobody looks at is logged and counted, and the service goes on.
 */
export const serve = defineCommand(form, async (_line, context) => {
  const loaded = configured(context)
  if (!loaded) return exitCodes.wrongConfiguration
  const logger = createLogger(loaded.settings.log, batchedStandardOutput())
  for (const notice of loaded.notices) logger.warn({ event: 'notice' }, notice)
  for (const warning of warnOfPermissions(loaded.settings))
    logger.warn({ event: 'file_permissions' }, warning)
  const built = buildApp(loaded, logger, { proxy: loaded.proxy })
  if (!built.ok) {
    printFileFaults(loaded, built.fault, context)
    return exitCodes.wrongConfiguration
  }
  const app = built.value
  // One piece of work has ended halfway, and nobody waits for it. To stop for that would take away the answers of all the
  // others, and again after each restart where it is a reply of Microsoft that does it.
  const noteRejection = (error: unknown) => noteBackgroundFailure('unknown', error)
  process.on('unhandledRejection', noteRejection)
  const started = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<ExitCode>()
  // Before anything is opened: as process 1 of a container, a process without a handler never sees SIGTERM.
  const signals = closeWithGrace(
    {
      delay: loaded.settings.shutdownGraceMs + closeLimitMs,
      logger: false,
      skip: ['unhandledRejection'],
      onSecondError: (err) =>
        logger.fatal(
          { event: 'unexpected_error', err },
          'another unexpected error while stopping: ended as it is',
        ),
      onSecondSignal: (signal) => logger.warn({ event: 'stopped_at_once', signal }, 'stopped at once'),
      onTimeout: () =>
        logger.error({ event: 'stop_took_too_long' }, 'stopping took too long: ended as it is'),
    },
    async ({ signal, err }) => {
      if (err) logger.fatal({ event: 'unexpected_error', err }, 'stopping after an unexpected error')
      else logger.info({ event: 'stopping', signal }, 'stopping')
      try {
        await started.promise
        // Whoever presses Ctrl-C has no load balancer in front.
        if (signal === 'SIGTERM') await app.announceStop()
        await app.close()
      } catch (error) {
        logger.fatal({ event: 'stop_failed', err: error }, 'stopping failed: ended as it is')
        throw error
      }
      logger.info({ event: 'stopped' }, 'stopped')
      stopped.resolve(err ? exitCodes.no : exitCodes.fine)
    },
  )
  try {
    const urls = await app.listen()
    logger.info({ event: 'listening', version: productVersion(), ...urls }, 'listening')
  } catch (error) {
    signals.uninstall()
    await app.close()
    const why = explainStart(error)
    context.err(why)
    context.logFailure?.({}, why)
    const isConfiguration = error instanceof StartRefused && error.isConfiguration
    return isConfiguration ? exitCodes.wrongConfiguration : exitCodes.no
  }
  started.resolve()
  return stopped.promise.finally(() => process.off('unhandledRejection', noteRejection))
})

function explainStart(error: unknown): string {
  if (error instanceof StartRefused) return error.message
  const { code, path } = error as NodeJS.ErrnoException
  return explainListen(error) ?? `Cannot write ${path ?? 'a file'}: ${code ?? 'unknown error'}`
}
