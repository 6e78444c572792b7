import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** What can stand in the place of a file, and what is said of it. The larger one is 64 MiB. */
export const unusualKinds = {
  fifo: /is a FIFO \(named pipe\), not a file/,
  directory: /is a directory, not a file/,
  device: /is a device, not a file/,
  socket: /is a socket, not a file/,
  larger: /is larger than \d+ [KM]iB/,
} as const

export type UnusualKind = keyof typeof unusualKinds

/** Makes such a thing, as `${path}.${kind}`; the device is a link to /dev/zero. */
export async function makeUnusual(t: Test, path: string, kind: UnusualKind): Promise<string> {
  const made = `${path}.${kind}`
  rmSync(made, { recursive: true, force: true })
  if (kind === 'fifo') execFileSync('mkfifo', [made])
  if (kind === 'directory') mkdirSync(made)
  if (kind === 'device') symlinkSync('/dev/zero', made)
  if (kind === 'socket') symlinkSync(await listen(t), made)
  if (kind === 'larger') {
    closeSync(openSync(made, 'w'))
    truncateSync(made, 64 * 1024 * 1024)
  }
  return made
}

/** Puts such a thing in the place of a file. */
export async function replaceByUnusual(t: Test, file: string, kind: UnusualKind): Promise<void> {
  const made = await makeUnusual(t, file, kind)
  // Nothing is renamed over a directory, nor a directory over a file.
  rmSync(file, { recursive: true, force: true })
  renameSync(made, file)
}

/** The path of a socket has room for 107 characters. */
async function listen(t: Test): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'socket-'))
  const path = join(directory, 's')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return path
}
