import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type DebianFreeradius, debianSiteMissing } from './debian-site.ts'
import { type Supplicant, writeSupplicant } from './supplicants.ts'

/** A switch port and the device on it: two interfaces that are one cable. */
export interface Cable {
  readonly port: string
  readonly device: string
}

/** Making interfaces takes root on Linux. */
export function hostapdMissing(): string | false {
  const missing = debianSiteMissing()
  if (missing !== false) return missing
  try {
    const [port, device] = [`nacp${process.pid % 1e6}`, `nacd${process.pid % 1e6}`]
    execFileSync('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', device], { stdio: 'pipe' })
    execFileSync('ip', ['link', 'del', port], { stdio: 'pipe' })
    return false
  } catch {
    return 'NOT RUN: this user may not make network interfaces'
  }
}

/** Makes a cable, which goes away with the test. It carries EAPOL alone: neither end has an address. */
export function layCable(t: Test): Cable {
  const [port, device] = [`nacp${process.pid % 1e6}`, `nacd${process.pid % 1e6}`]
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  ip('link', 'add', port, 'type', 'veth', 'peer', 'name', device)
  t.teardown(() => ip('link', 'del', port))
  return { port, device }
}

/** Gives the end of the device this address and takes both ends into service. */
export function plugIn({ port, device }: Cable, mac: string): void {
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  ip('link', 'set', device, 'address', mac.replaceAll('-', ':'))
  ip('link', 'set', port, 'up')
  ip('link', 'set', device, 'up')
}

/** A program that runs until the test ends. */
export interface Running {
  readonly log: () => string
  /** Resolves when the log has the text; fails with the log where the program ends before. */
  readonly said: (text: RegExp) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts hostapd's authenticator of IEEE 802.1X on the end of the switch. */
export function startHostapd(t: Test, radius: DebianFreeradius, cable: Cable, directory: string): Running {
  mkdirSync(directory, { recursive: true })
  const configuration = join(directory, 'hostapd.conf')
  writeFileSync(
    configuration,
    `interface=${cable.port}
driver=wired
ieee8021x=1
use_pae_group_addr=1
own_ip_addr=127.0.0.1
nas_identifier=switch
auth_server_addr=127.0.0.1
auth_server_port=${radius.authPort}
auth_server_shared_secret=${radius.secret}
logger_stdout=-1
logger_stdout_level=0
`,
  )
  return run(t, 'hostapd', ['-dd', configuration])
}

/** Starts wpa_supplicant on the end of the device. */
export function startSupplicant(
  t: Test,
  radius: DebianFreeradius,
  cable: Cable,
  supplicant: Supplicant,
): Running {
  const configuration = writeSupplicant(radius.serverCaPem, supplicant)
  return run(t, 'wpa_supplicant', ['-D', 'wired', '-i', cable.device, '-c', configuration])
}

function run(t: Test, program: string, args: readonly string[]): Running {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const waiting = new Set<() => void>()
  const notice = (chunk?: Buffer) => {
    log += chunk?.toString() ?? ''
    for (const look of waiting) look()
  }
  child.stdout?.on('data', notice)
  child.stderr?.on('data', notice)
  let hasEnded = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      hasEnded = true
      notice()
      resolve()
    })
  })
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  t.teardown(stop)
  return {
    log: () => log,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (text.test(log)) resolve()
          else if (hasEnded) reject(new Error(`${program} ended:\n${log.slice(-3000)}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      }),
    stop,
  }
}
