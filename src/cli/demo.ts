import { createServer } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { buildApp } from '../app.ts'
import { loadSettings } from '../config/load-settings.ts'
import { type Simulator, startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand, parsePort } from './command-line.ts'
import { playStory } from './demo-story.ts'
import { putSampleDevices, sampleClientId, samples } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

/** Seconds that a "no" stays fresh in the demo, so that nobody has to wait the real 30. */
const noncompliantFreshSeconds = 3

const form = {
  name: 'demo',
  usage: ['[options]'],
  does: [
    'Simulated Intune and the service on loopback, with sample devices: prints curl lines to try and runs',
    'until Ctrl-C. A port that is in use is replaced by a free one.',
  ],
  options: {
    once: {
      type: 'boolean',
      default: false,
      meaning: 'play every scene on free ports, print a table and end',
    },
    port: { type: 'string', argument: 'PORT', default: '8080', meaning: 'of the service' },
    'simulator-port': { type: 'string', argument: 'PORT', default: '8443', meaning: 'of the simulator' },
  },
  examples: ['demo', 'demo --once'],
  exitCodes: {
    0: 'stopped; with --once: each scene gave what it must',
    1: 'with --once: a scene gave something else',
  },
} as const satisfies CommandForm

/** `intune-nac demo` */
export const demo = defineCommand(form, async ({ values }, context) => {
  const stage = await startStage(
    values.once ? 0 : await freePort(parsePort(values.port, '--port'), context.out),
    values.once ? 0 : await freePort(parsePort(values['simulator-port'], '--simulator-port'), context.out),
  )
  if (values.once) {
    try {
      const fine = await playStory({ ...stage, noncompliantFreshSeconds, out: context.out })
      return fine ? exitCodes.fine : exitCodes.no
    } finally {
      await stage.close()
    }
  }
  context.out(invitation(stage.serviceUrl, stage.simulator.origin))
  return new Promise((resolve) => {
    closeWithGrace({ delay: 5_000, logger: false }, async () => {
      await stage.close()
      resolve(exitCodes.fine)
    })
  })
})

interface Stage {
  readonly serviceUrl: string
  readonly simulator: Simulator
  readonly close: () => Promise<void>
}

async function startStage(port: number, simulatorPort: number): Promise<Stage> {
  const temporary = temporaryDirectory()
  const simulator = await startSimulator({ port: simulatorPort })
  putSampleDevices(simulator)
  const access = await writeSimulatorAccess(simulator, sampleClientId, temporary.path)
  const loaded = loadSettings(
    {
      ...access.environment,
      SERVICE_PORT: String(port),
      MANAGEMENT_PORT: '0',
      NONCOMPLIANT_FRESH_SECONDS: String(noncompliantFreshSeconds),
      LOG_LEVEL: 'warn',
    },
    () => undefined,
  )
  if (!loaded.ok) throw new Error(`the demo's own configuration is wrong: ${JSON.stringify(loaded.problems)}`)
  const app = buildApp(loaded, createLogger(loaded.settings.log))
  if (!app.ok) throw new Error(`the demo's own files are wrong: ${app.fault.message}`)
  const { serviceUrl } = await app.value.listen()
  return {
    serviceUrl,
    simulator,
    close: async () => {
      await app.value.close()
      await simulator.close()
      temporary.remove()
    },
  }
}

/** The port itself, or 0 with a word about it when something listens there already. */
async function freePort(port: number, out: (text: string) => void): Promise<number> {
  const probe = createServer()
  const taken = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(true))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)))
  })
  if (taken) out(`Port ${port} is in use; another one is picked.`)
  return taken ? 0 : port
}

function invitation(serviceUrl: string, simulatorOrigin: string): string {
  const ask = (query: string) => `  curl -s '${serviceUrl}/v1/decision?${query}'`
  return [
    `The service is at ${serviceUrl}, the simulated Intune at ${simulatorOrigin}. Ctrl-C stops both.`,
    '',
    "Alice's laptop is compliant: allow.",
    ask('mac=00:50:56:A4:89:5A'),
    "Bob's laptop is not: remediate, with what he has to do.",
    ask('mac=34:08:BC:50:7C:78'),
    'Bob repairs it in the simulated Intune ...',
    `  curl -sk -X PATCH ${simulatorOrigin}/control/devices/${samples.bob.deviceId} -H 'content-type: application/json' -d '{"complianceState":"compliant"}'`,
    `... and ${noncompliantFreshSeconds} seconds later the same question gives: allow.`,
    ask('mac=34:08:BC:50:7C:78'),
    'A device that is not enrolled, and one that hides behind a private MAC address.',
    ask('mac=8C:16:45:D2:E0:F1'),
    ask('mac=DA:1B:2C:3D:4E:5F'),
  ].join('\n')
}
