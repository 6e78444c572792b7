import { resolve as resolvePath } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { sampleClientId, sampleTenantId } from '../config/sample-ids.ts'
import { makeDirectory } from '../files/make-directory.ts'
import { type ParsedScenario, parseScenario, startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand, parsePort } from './command-line.ts'
import { readFileBytes } from './read-option-file.ts'
import { putSampleDevices } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

const form = {
  name: 'simulator',
  usage: ['[options]'],
  does: [
    'Simulated Entra ID, Graph and Intune over HTTPS (docs/simulator.md), until Ctrl-C.',
    'Makes the certificates of a service that asks it, and prints the variables for intune-nac serve.',
  ],
  options: {
    host: { type: 'string', argument: 'ADDRESS', default: '127.0.0.1', meaning: 'where it listens' },
    'public-host': {
      type: 'string',
      argument: 'NAME',
      meaning: 'how it is reached, where that is another name or address',
    },
    port: { type: 'string', argument: 'PORT', default: '8443', meaning: '0 is any free one' },
    directory: {
      type: 'string',
      argument: 'DIR',
      meaning: 'for service.env, key and certificates (default: a temporary folder)',
    },
    'no-samples': { type: 'boolean', default: false, meaning: 'without the sample devices' },
    scenario: { type: 'string', argument: 'FILE', meaning: 'a tenant in place of the sample devices' },
    'tenant-id': { type: 'string', argument: 'GUID', default: sampleTenantId, meaning: 'its tenant' },
  },
  examples: ['simulator', 'simulator --scenario office.yaml --directory /tmp/cloud'],
  exitCodes: { 0: 'stopped', 78: 'the scenario has a mistake' },
} as const satisfies CommandForm

/** `intune-nac simulator` */
export const simulator = defineCommand(form, async ({ values }, context) => {
  const scenario = values.scenario === undefined ? undefined : readScenario(values.scenario)
  if (scenario?.ok === false) {
    context.err(`intune-nac simulator: ${values.scenario} cannot be used:`)
    for (const { field, message } of scenario.problems) context.err(`  ${field}: ${message}`)
    return exitCodes.wrongConfiguration
  }
  const temporary = values.directory === undefined ? temporaryDirectory() : undefined
  const directory = temporary?.path ?? resolvePath(values.directory ?? '.')
  makeDirectory(directory, 0o777)
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
})

function readScenario(path: string): ParsedScenario {
  return parseScenario(readFileBytes(path, '--scenario').toString('utf8'))
}
