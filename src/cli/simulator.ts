import { mkdirSync, readFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { type ParsedScenario, parseScenario, startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { type Command, exitCodes, parseCommandLine, parsePort, WrongUse } from './command.ts'
import { putSampleDevices, sampleClientId, sampleTenantId } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

/**
 * `intune-nac simulator`: the simulated cloud alone. Prints the variables for `serve`, writes them with the
 * certificates into --directory (or a temporary folder), runs until it is stopped. A scenario takes the place of the
 * sample devices; one with a mistake ends it with 78 and every problem.
 */
export const simulator: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, {
    host: { type: 'string', default: '127.0.0.1' },
    'public-host': { type: 'string' },
    port: { type: 'string', default: '8443' },
    directory: { type: 'string' },
    'no-samples': { type: 'boolean', default: false },
    scenario: { type: 'string' },
    'tenant-id': { type: 'string', default: sampleTenantId },
  })
  if (positionals.length > 0)
    throw new WrongUse(
      'takes options only: --host, --public-host, --port, --directory, --tenant-id, --scenario, --no-samples',
    )
  const scenario = values.scenario === undefined ? undefined : readScenario(values.scenario)
  if (scenario?.ok === false) {
    context.err(`intune-nac simulator: ${values.scenario} cannot be used:`)
    for (const { field, message } of scenario.problems) context.err(`  ${field}: ${message}`)
    return exitCodes.wrongConfiguration
  }
  const temporary = values.directory === undefined ? temporaryDirectory() : undefined
  const directory = temporary?.path ?? resolvePath(values.directory ?? '.')
  mkdirSync(directory, { recursive: true })
  const running = await startSimulator({
    host: values.host,
    port: parsePort(values.port, '--port'),
    tenantId: values['tenant-id'],
    ...(values['public-host'] !== undefined && { publicHost: values['public-host'] }),
    logger: createLogger({ level: 'warn' }),
  })
  if (!values['no-samples'] && scenario === undefined) putSampleDevices(running)
  const access = await writeSimulatorAccess(running, sampleClientId, directory)
  // After the app of the service, whose certificate a scenario that gives it other roles leaves alone.
  if (scenario?.ok) running.tenant.applyScenario(scenario.scenario)
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

function readScenario(path: string): ParsedScenario {
  try {
    return parseScenario(readFileSync(path, 'utf8'))
  } catch {
    throw new WrongUse(`--scenario: ${path} cannot be read`)
  }
}
