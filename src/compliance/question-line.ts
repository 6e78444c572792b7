import { FairLine } from '../turns/fair-line.ts'

/** One question on its way to a service of Microsoft's. */
export interface Question {
  /** Names the question: whoever asks the same thing meanwhile joins it. */
  readonly key: string
  /** Names the device, the same for every identifier that is known to be its own. */
  readonly device: string
  /** In whose name it waits; grows when others join. */
  readonly shares: Set<string>
}

/** The share of what nobody waits for: records that are refreshed behind a caller's back. */
export const behindShare = ''

/** How many questions there may be. */
export interface LineLimits {
  /** With the service at once, of everybody. */
  readonly running: number
  /** Of one share in line, and of all shares. */
  readonly waitingOfShare: number
  readonly waiting: number
}

interface Entry {
  readonly question: Question
  readonly lanes: Set<string>
  readonly settle: (share: string | undefined) => void
}

/** A share may have this many times as many questions running as there are places free. */
const portionOfCaller = 2
const portionBehind = 0.5

/**
 * Bounds how many questions are with a service at once and how many wait, and shares both out fairly: shares take turns,
 * none of them can have all places (it may take another one only while it holds less than twice of what is free, so
 * that the next share always finds some), and when the line is full whoever has most in it gives one up. Whoever was
 * given a place has to `leave`.
 */
export class QuestionLine {
  readonly #limits: LineLimits
  readonly #line = new FairLine<Entry>()
  readonly #entries = new Map<Question, Entry>()
  readonly #runningOf = new Map<string, number>()
  #running = 0
  #shed = 0

  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  /** The share whose place it is, when it is this question's turn; undefined when there is no room for it. */
  enter(question: Question): Promise<string | undefined> {
    return new Promise((settle) => {
      const entry: Entry = { question, lanes: new Set(), settle }
      this.#entries.set(question, entry)
      for (const share of question.shares) this.#addLane(entry, share)
      if (entry.lanes.size === 0) this.#shedEntry(entry)
      this.#fill()
    })
  }

  /** Somebody else waits for this question as well: whoever's turn comes first is served with it. */
  join(question: Question, share: string): void {
    const entry = this.#entries.get(question)
    if (entry === undefined || entry.lanes.has(share)) return
    this.#addLane(entry, share)
    this.#fill()
  }

  /** Gives the place up; the next in turn has it at once. */
  leave(share: string): void {
    this.#running -= 1
    const left = (this.#runningOf.get(share) ?? 1) - 1
    if (left === 0) this.#runningOf.delete(share)
    else this.#runningOf.set(share, left)
    this.#fill()
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#entries.size
  }

  /** Questions that were refused because there was no room, since the start. */
  get shed(): number {
    return this.#shed
  }

  #addLane(entry: Entry, share: string): void {
    const mayStart = this.#line.sizeOf(share) === 0 && this.#mayRun(share)
    if (!mayStart && this.#line.sizeOf(share) >= this.#waitingLimitOf(share)) return
    if (!mayStart && this.#line.size >= this.#limits.waiting && !this.#makeRoom(share)) return
    entry.lanes.add(share)
    this.#line.add(share, entry)
  }

  /** Nobody waits for a refresh behind, so fewer of them are worth remembering. */
  #waitingLimitOf(share: string): number {
    return share === behindShare ? this.#limits.waitingOfShare / 4 : this.#limits.waitingOfShare
  }

  #makeRoom(newcomer: string): boolean {
    const longest = this.#line.longest
    if (longest === undefined || this.#line.sizeOf(longest) <= this.#line.sizeOf(newcomer) + 1) return false
    const entry = this.#line.takeNewest(longest)
    entry?.lanes.delete(longest)
    if (entry?.lanes.size === 0) this.#shedEntry(entry)
    return entry !== undefined
  }

  #shedEntry(entry: Entry): void {
    this.#shed += 1
    this.#entries.delete(entry.question)
    entry.settle(undefined)
  }

  #mayRun(share: string): boolean {
    const free = this.#limits.running - this.#running
    const portion = share === behindShare ? portionBehind : portionOfCaller
    return (this.#runningOf.get(share) ?? 0) < portion * free
  }

  #fill(): void {
    for (;;) {
      const next = this.#line.take((share) => this.#mayRun(share))
      if (next === undefined) return
      const { name: share, item: entry } = next
      for (const lane of entry.lanes) if (lane !== share) this.#line.remove(lane, entry)
      this.#entries.delete(entry.question)
      this.#running += 1
      this.#runningOf.set(share, (this.#runningOf.get(share) ?? 0) + 1)
      entry.settle(share)
    }
  }
}
