import type { Command } from './command.ts'

/** A command in the table: one line about it, and its code. */
export interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Every command by its name; loaded on demand, so that `check` does not pay for the simulator. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'run the service, configured by the environment',
    load: async () => (await import('./serve.ts')).serve,
  },
  check: {
    summary: 'one decision about a device, from here or, the way Cisco ISE asks, from a running service',
    load: async () => (await import('./check.ts')).check,
  },
  doctor: {
    summary: 'test each step of the connection to Intune and explain the first failure',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  onboard: {
    summary: 'what Entra ID and ISE have to be given, with a certificate that exists or a new one',
    load: async () => (await import('./onboard.ts')).onboard,
  },
  health: {
    summary: 'is the service on this machine ready? exit code 0 or 1',
    load: async () => (await import('./health.ts')).health,
  },
  why: {
    summary: 'how a decision of the running service came about, by its id or by the device',
    load: async () => (await import('./why.ts')).why,
  },
  log: {
    summary: 'a decision log: log show FILE searches it, log verify FILE finds what was altered or removed',
    load: async () => (await import('./log.ts')).log,
  },
  config: {
    summary: 'check the configuration, or a policy, and print it',
    load: async () => (await import('./config.ts')).config,
  },
  client: {
    summary: 'who may ask, in CLIENTS_FILE: client add NAME, client list, client remove NAME',
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
