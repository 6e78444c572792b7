import { createServer } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { buildApp } from '../app.ts'
import { loadSettings } from '../config/load-settings.ts'
import { sampleClientId } from '../config/sample-ids.ts'
import type { DecisionRecord } from '../decision/decision-service.ts'
import { type Simulator, startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand, parsePort } from './command-line.ts'
import { playStory } from './demo-story.ts'
import { putSampleDevices, samples } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

/** Seconds that a "no" stays fresh in the demo, so that nobody has to wait the real 30. */
const noncompliantFreshSeconds = 3

const form = {
  name: 'demo',
  usage: ['[options]'],
  does: [
    'Simulated Intune and the service on loopback, with sample devices: prints lines to try, then each',
    'decision as it is made, until Ctrl-C. A port that is in use is replaced by a free one.',
  ],
  options: {
    once: {
      type: 'boolean',
      default: false,
      meaning: 'play every scene on free ports, print a table and end',
    },
    port: { type: 'string', argument: 'PORT', default: '8080', meaning: 'of the service' },
    'management-port': {
      type: 'string',
      argument: 'PORT',
      default: '9090',
      meaning: 'of its management listener',
    },
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
  const free = async (port: string, option: string) =>
    values.once ? 0 : await freePort(parsePort(port, option), context.out)
  const stage = await startStage(
    {
      service: await free(values.port, '--port'),
      management: await free(values['management-port'], '--management-port'),
      simulator: await free(values['simulator-port'], '--simulator-port'),
    },
    values.once ? () => undefined : (record) => context.out(decisionLine(record)),
  )
  if (values.once) {
    try {
      const fine = await playStory({ ...stage, noncompliantFreshSeconds, out: context.out })
      return fine ? exitCodes.fine : exitCodes.no
    } finally {
      await stage.close()
    }
  }
  context.out(invitation(stage))
  return new Promise((resolve) => {
    closeWithGrace({ delay: 5_000, logger: false }, async () => {
      await stage.close()
      resolve(exitCodes.fine)
    })
  })
})

interface Stage {
  readonly serviceUrl: string
  readonly managementUrl: string
  readonly simulator: Simulator
  readonly close: () => Promise<void>
}

async function startStage(
  ports: { readonly service: number; readonly management: number; readonly simulator: number },
  onDecision: (record: DecisionRecord) => void,
): Promise<Stage> {
  const temporary = temporaryDirectory()
  const simulator = await startSimulator({ port: ports.simulator })
  putSampleDevices(simulator)
  const access = await writeSimulatorAccess(simulator, sampleClientId, temporary.path)
  const loaded = loadSettings(
    {
      ...access.environment,
      SERVICE_PORT: String(ports.service),
      MANAGEMENT_PORT: String(ports.management),
      NONCOMPLIANT_FRESH_SECONDS: String(noncompliantFreshSeconds),
      LOG_LEVEL: 'warn',
    },
    () => undefined,
  )
  if (!loaded.ok) throw new Error(`the demo's own configuration is wrong: ${JSON.stringify(loaded.problems)}`)
  const app = buildApp(loaded, createLogger(loaded.settings.log), { onDecision })
  if (!app.ok) throw new Error(`the demo's own files are wrong: ${app.fault.message}`)
  const { serviceUrl, managementUrl } = await app.value.listen()
  return {
    serviceUrl,
    managementUrl,
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

/** One decision on one line: when, what, why, about whom, and where the fact came from. */
function decisionLine({ decision, totalMs }: DecisionRecord): string {
  const { outcome, reason, matchedBy, device, source } = decision
  const time = new Date().toLocaleTimeString('en-GB')
  return `${time}  ${outcome.padEnd(9)}  ${reason.padEnd(18)}  ${matchedBy} ${device}  from ${source}, ${Math.round(totalMs)} ms`
}

function invitation({ serviceUrl, managementUrl, simulator: { origin } }: Stage): string {
  const ask = (query: string) => `  curl -s '${serviceUrl}/v1/decision?${query}'`
  const url = new URL(managementUrl).port === '9090' ? '' : ` --url ${managementUrl}`
  return [
    `The service is at ${serviceUrl}, its management listener at ${managementUrl}, the simulated Intune at ${origin}. Ctrl-C stops all.`,
    '',
    "Alice's laptop is compliant: allow.",
    ask('mac=00:50:56:A4:89:5A'),
    "Bob's laptop is not: remediate, with what he has to do.",
    ask('mac=34:08:BC:50:7C:78'),
    'Bob repairs it in the simulated Intune ...',
    `  curl -sk -X PATCH ${origin}/control/devices/${samples.bob.deviceId} -H 'content-type: application/json' -d '{"complianceState":"compliant"}'`,
    `... and ${noncompliantFreshSeconds} seconds later the same question gives: allow.`,
    ask('mac=34:08:BC:50:7C:78'),
    'A device that is not enrolled, and one that hides behind a private MAC address.',
    ask('mac=8C:16:45:D2:E0:F1'),
    ask('mac=DA:1B:2C:3D:4E:5F'),
    "How Bob's last decision came about, and what the service says of its own health.",
    `  npx intune-nac why 34:08:BC:50:7C:78${url}`,
    `  npx intune-nac health --verbose --url ${managementUrl}`,
    '',
    'Each decision as it is made:',
  ].join('\n')
}
