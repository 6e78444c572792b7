import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { isatty } from 'node:tty'
import { describeReadError } from '../text/decode.ts'
import { type FileRead, Intake } from './intake.ts'
import { reading, readOperatorFile } from './read-operator-file.ts'

const pauseMs = 10
const defaultLimitMs = 60_000

/**
 * What is in a file that is read once and never again: as readOperatorFile, and a pipe or a terminal as well, so that
 * `/dev/stdin` and the shell's `<(...)` can be named. A pipe has to have a writer, and has to end within `limitMs`; until
 * then nothing else is done by this process. Never throws.
 */
export function readOnce(file: string, maxBytes: number, limitMs = defaultLimitMs): FileRead {
  try {
    const before = statSync(file)
    if (!before.isFIFO() && !before.isCharacterDevice()) return readOperatorFile(file, maxBytes)
    const descriptor = openSync(file, reading)
    try {
      const isPipe = fstatSync(descriptor).isFIFO()
      if (!isPipe && !isatty(descriptor)) return readOperatorFile(file, maxBytes)
      return readStream(descriptor, new Intake(maxBytes), limitMs)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return { ok: false, why: describeReadError(error) }
  }
}

function readStream(descriptor: number, intake: Intake, limitMs: number): FileRead {
  let pausesLeft = limitMs / pauseMs
  for (;;) {
    const bytes = readWhatIsThere(descriptor, intake.room())
    if (bytes === 'nothing yet') {
      if (pausesLeft <= 0) return { ok: false, why: `is a pipe that did not end within ${limitMs / 1000} s` }
      pausesLeft -= 1
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
      continue
    }
    if (bytes === 0 && intake.isEmpty) return { ok: false, why: 'is a pipe that nobody writes to' }
    const ended = intake.took(bytes)
    if (ended) return ended
  }
}

function readWhatIsThere(descriptor: number, room: Buffer): number | 'nothing yet' {
  try {
    return readSync(descriptor, room)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'nothing yet'
    throw error
  }
}
