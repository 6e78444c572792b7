import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'

/** A real systemd as process 1 of namespaces of its own, over a throw-away layer on this machine's root. */
export interface BootedSystemd {
  /** Runs a program in there; its standard output, exit code and what it said. */
  run(...command: readonly string[]): {
    readonly code: number | null
    readonly out: string
    readonly err: string
  }
  /** What systemd itself printed. */
  readonly log: () => string
}

/** Why systemd cannot be booted here at all; undefined where it can be tried. */
export function whyNoSystemd(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'takes root: namespaces, an overlay mount, a control group'
  if (!['/lib/systemd/systemd', '/usr/lib/systemd/systemd'].some(existsSync)) return 'there is no systemd'
  for (const program of ['unshare', 'nsenter', 'pivot_root', 'mount']) {
    if (spawnSync('which', [program]).status !== 0) return `there is no ${program}`
  }
  if (unifiedHierarchy() === undefined) return 'no cgroup2 is mounted'
  const tried = spawnSync('unshare', ['--mount', '--pid', '--net', '--cgroup', '--fork', 'true'])
  return tried.status === 0 ? undefined : 'this machine does not allow namespaces'
}

/**
 * Boots systemd into `boot.target` with these files over the root and these directories or files bound into it. Resolves
 * once it answers systemctl, or with the reason why it does not. It is gone with the test.
 */
export async function bootSystemd(
  t: Test,
  files: Readonly<Record<string, string>>,
  bound: Readonly<Record<string, string>>,
): Promise<BootedSystemd | string> {
  const directory = mkdtempSync(join(tmpdir(), 'systemd-'))
  const group = join(unifiedHierarchy() ?? '', `test-${process.pid}`)
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, 'files', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { mode: 0o644 })
  }
  mkdirSync(join(directory, 'base'))
  try {
    mkdirSync(group)
  } catch (error) {
    return `no control group can be made: ${String(error)}`
  }
  const namespaces = ['mount', 'uts', 'ipc', 'pid', 'net', 'cgroup'].map((name) => `--${name}`)
  const script = [
    join(import.meta.dirname, 'boot-systemd.sh'),
    join(directory, 'base'),
    join(directory, 'files'),
    ...Object.entries(bound).map(([source, target]) => `${source}=${target}`),
  ]
  // The shell is in the group before the namespace is made, so that the group is the root of what is seen in there.
  // It ends by itself, should nobody end it.
  const enter = 'echo $$ > "$0/cgroup.procs"; exec timeout --signal=KILL 170 unshare "$@"'
  const child = spawn('bash', ['-c', enter, group, ...namespaces, '--fork', '--kill-child', ...script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  t.teardown(async () => {
    // unshare, which takes systemd along; it does not listen to SIGTERM.
    const unshare = childOf(String(child.pid))
    if (unshare !== '') process.kill(Number(unshare), 'SIGKILL')
    await ended
    await removeGroup(group)
    rmSync(directory, { recursive: true, force: true })
  })
  // timeout, unshare, systemd.
  const initPid = () => childOf(childOf(String(child.pid)))
  const run: BootedSystemd['run'] = (...command) => {
    const pid = initPid()
    if (pid === '') return { code: null, out: '', err: 'systemd has ended' }
    const inside = ['--mount', '--uts', '--ipc', '--pid', '--net', '--cgroup']
    const done = spawnSync('nsenter', ['--target', pid, ...inside, '--', ...command], { encoding: 'utf8' })
    return { code: done.status, out: done.stdout, err: done.stderr }
  }
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) return `systemd ended: ${log}`
    // Until the machine's root is the root in there, systemctl would ask the machine's systemd.
    const isReady =
      commandOf(initPid()) === 'systemd' &&
      run('systemctl', 'show', '--property=Version').out.startsWith('Version=')
    if (isReady) return { run, log: () => log }
    await pause(200)
  }
  return `systemd did not answer: ${log}`
}

function childOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  } catch {
    return ''
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Where the unified hierarchy of control groups is mounted. */
function unifiedHierarchy(): string | undefined {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  return mounts.find((line) => line.split(' ')[2] === 'cgroup2')?.split(' ')[1]
}

async function removeGroup(group: string): Promise<void> {
  for (let attempt = 0; attempt < 50 && existsSync(group); attempt += 1) {
    const { stdout } = spawnSync('find', [group, '-depth', '-type', 'd'], { encoding: 'utf8' })
    for (const one of stdout.split('\n').filter(Boolean)) {
      try {
        rmdirSync(one)
      } catch {
        // A process in it is still on its way out.
      }
    }
    if (existsSync(group)) await pause(50)
  }
}
