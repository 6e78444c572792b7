import { type Command, type CommandContext, type ExitCode, exitCodes, WrongUse } from './command.ts'

interface Entry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Loaded on demand, so that `check` does not pay for the simulator. */
const commands: Readonly<Record<string, Entry>> = {
  serve: {
    summary: 'run the service, configured by the environment',
    load: async () => (await import('./serve.ts')).serve,
  },
  check: {
    summary: 'one decision: check <identifier>... [--json] [--explain]; --as-ise URL asks a running service',
    load: async () => (await import('./check.ts')).check,
  },
  doctor: {
    summary: 'test each step of the connection and explain the first failure: doctor [identifier] [--json]',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  onboard: {
    summary: 'what Entra ID and ISE have to be given: onboard --certificate FILE | --new --out DIR',
    load: async () => (await import('./onboard.ts')).onboard,
  },
  health: {
    summary: 'is the service on this machine ready? health [--url URL] [--verbose]; exit code 0 or 1',
    load: async () => (await import('./health.ts')).health,
  },
  why: {
    summary: 'how a decision of the running service came about: why <decisionId or identifier> [--json]',
    load: async () => (await import('./why.ts')).why,
  },
  log: {
    summary: 'find what was altered, removed or reordered in a decision log: log verify FILE',
    load: async () => (await import('./log.ts')).log,
  },
  config: {
    summary: 'check the configuration and print it; --policy FILE, --print-default-policy',
    load: async () => (await import('./config.ts')).config,
  },
  client: {
    summary:
      'who may ask, in CLIENTS_FILE: client add NAME [--basic|--bearer], client list, client remove NAME',
    load: async () => (await import('./client.ts')).client,
  },
  simulator: {
    summary: 'simulated Entra ID, Graph and Intune over HTTPS',
    load: async () => (await import('./simulator.ts')).simulator,
  },
  demo: {
    summary: 'simulator and service with sample devices; --once plays the whole story',
    load: async () => (await import('./demo.ts')).demo,
  },
  lab: {
    summary: 'the demo with a real FreeRADIUS: MAB and EAP-TLS into VLANs; --once ends after the story',
    load: async () => (await import('./lab.ts')).lab,
  },
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'Usage: intune-nac <command> [options]',
    '',
    ...lines,
    '',
    'docs/configuration.md lists the variables.',
  ].join('\n')
}

/**
 * Runs one command and resolves with its exit code: 0 fine, 1 "no", 2 wrong use, 78 wrong configuration.
 * Only a defect rejects.
 */
export async function runCommand(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name = '', ...args] = argv
  if (['help', '--help', '-h'].includes(name)) {
    context.out(usage())
    return exitCodes.fine
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    context.err(
      name === '' ? usage() : `intune-nac: there is no command ${JSON.stringify(name)}\n\n${usage()}`,
    )
    return exitCodes.wrongUse
  }
  const command = await entry.load()
  try {
    return await command(args, context)
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error
    context.err(`intune-nac ${name}: ${error.message}`)
    return exitCodes.wrongUse
  }
}
