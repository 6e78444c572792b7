import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { type Command, exitCodes, parseCommandLine, parsePort, WrongUse } from './command.ts'
import { putSampleDevices, sampleClientId, sampleTenantId } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

/**
 * `intune-nac simulator`: the simulated cloud alone. Prints the variables for `serve`, writes them with the
 * certificates into --directory (or a temporary folder), runs until it is stopped.
 */
export const simulator: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, {
    host: { type: 'string', default: '127.0.0.1' },
    'public-host': { type: 'string' },
    port: { type: 'string', default: '8443' },
    directory: { type: 'string' },
    'no-samples': { type: 'boolean', default: false },
    'tenant-id': { type: 'string', default: sampleTenantId },
  })
  if (positionals.length > 0)
    throw new WrongUse(
      'takes options only: --host, --public-host, --port, --directory, --tenant-id, --no-samples',
    )
  const temporary = values.directory === undefined ? temporaryDirectory() : undefined
  const directory = temporary?.path ?? resolvePath(values.directory ?? '.')
  mkdirSync(directory, { recursive: true })
  // Its return says that the files belong to this run.
  rmSync(join(directory, 'service.env'), { force: true })
  const running = await startSimulator({
    host: values.host,
    port: parsePort(values.port, '--port'),
    tenantId: values['tenant-id'],
    ...(values['public-host'] !== undefined && { publicHost: values['public-host'] }),
    logger: createLogger({ level: 'warn' }),
  })
  if (!values['no-samples']) putSampleDevices(running)
  const access = await writeSimulatorAccess(running, sampleClientId, directory)
  context.out(`The simulated cloud is at ${running.origin} (control API under /control, docs/simulator.md).`)
  context.out(`Files are in ${access.directory}. Start the service with:\n`)
  for (const [name, value] of Object.entries(access.environment)) context.out(`  export ${name}=${value}`)
  context.out('  npm start\n')
  return new Promise((resolve) => {
    closeWithGrace({ delay: 5_000, logger: false }, async () => {
      await running.close()
      temporary?.remove()
      resolve(exitCodes.fine)
    })
  })
}
