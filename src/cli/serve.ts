import closeWithGrace from 'close-with-grace'
import { buildApp } from '../app.ts'
import { batchedStandardOutput, createLogger } from '../telemetry/logger.ts'
import { type Command, exitCodes, parseCommandLine, WrongUse } from './command.ts'
import { configured, explainFault, proxyOf } from './configured.ts'

/** `intune-nac serve`: runs until SIGTERM or SIGINT, then lets the answers under way finish (10 s at most). */
export const serve: Command = async (args, context) => {
  if (parseCommandLine(args, {}).positionals.length > 0) throw new WrongUse('takes no arguments')
  const loaded = configured(context)
  if (!loaded) return exitCodes.wrongConfiguration
  const logger = createLogger(loaded.settings.log, batchedStandardOutput())
  for (const notice of loaded.notices) logger.warn({ event: 'notice' }, notice)
  const app = buildApp(loaded, logger, { proxy: proxyOf(context.environment) })
  if (!app.ok) {
    context.err(explainFault(app.fault))
    return exitCodes.wrongConfiguration
  }
  try {
    const urls = await app.value.listen()
    logger.info({ event: 'listening', ...urls }, 'listening')
  } catch (error) {
    await app.value.close()
    const { code, port, path } = error as NodeJS.ErrnoException & { port?: number }
    const what = path === undefined ? `listen on port ${port ?? '?'}` : `write ${path}`
    context.err(`Cannot ${what}: ${code ?? 'unknown error'}`)
    return exitCodes.no
  }
  return new Promise((resolve) => {
    closeWithGrace({ delay: 10_000, logger: false }, async ({ signal, err }) => {
      if (err) logger.fatal({ err }, 'stopping after an unexpected error')
      else logger.info({ event: 'stopping', signal }, 'stopping')
      await app.value.close()
      resolve(err ? exitCodes.no : exitCodes.fine)
    })
  })
}
