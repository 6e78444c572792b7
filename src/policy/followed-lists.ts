import type { Clock } from '../clock.ts'
import { fileState, followFile } from '../files/followed-file.ts'
import type { FileRead } from '../files/intake.ts'
import { maxListFileBytes } from './policy-lists.ts'

/** A change of a list file. */
export interface ListChange {
  readonly path: string
  /** The whole content, or why there is none that can be used. */
  readonly read: FileRead
  /** False once the file was read anew by somebody else, or nobody wants it: this content may be an older one. */
  isNewest(): boolean
}

/** The state of a file whose content nobody has: it is passed on as soon as it is quiet. */
export const neverRead = 'never read'

/** Looks at the list files that a policy names. */
export class FollowedLists {
  readonly #clock: Clock
  readonly #onChange: (change: ListChange) => void
  /** What stops looking at each file, by its path. */
  readonly #stops = new Map<string, () => void>()

  constructor(clock: Clock, onChange: (change: ListChange) => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /**
   * Follows these files and no others. `states` has `fileState` of those that were read just now, from before: each is
   * followed anew from there, since what was passed on of it is not what it was read as.
   */
  follow(paths: ReadonlySet<string>, states: ReadonlyMap<string, string> = new Map()): void {
    for (const [path, stop] of this.#stops) {
      if (paths.has(path) && !states.has(path)) continue
      stop()
      this.#stops.delete(path)
    }
    for (const path of paths) {
      if (!this.#stops.has(path)) this.#stops.set(path, this.#start(path, states.get(path)))
    }
  }

  close(): void {
    this.follow(new Set())
  }

  #start(path: string, state = fileState(path)): () => void {
    let isFollowed = true
    const stop = followFile({
      file: path,
      state,
      clock: this.#clock,
      maxBytes: maxListFileBytes,
      onChange: (read) => this.#onChange({ path, read, isNewest: () => isFollowed }),
    })
    return () => {
      isFollowed = false
      stop()
    }
  }
}
