/** Places for what takes a while, so that one caller cannot have them all. */
export interface Places {
  /** The function that gives the place back, or undefined where there is none. */
  take(caller: string): (() => void) | undefined
}

/** `ofCaller` places at most for one caller, and `inAll` for all of them. */
export function createPlaces({
  ofCaller,
  inAll,
}: {
  readonly ofCaller: number
  readonly inAll: number
}): Places {
  const takenBy = new Map<string, number>()
  let taken = 0

  function giveBack(caller: string): void {
    taken -= 1
    const left = (takenBy.get(caller) ?? 0) - 1
    if (left > 0) takenBy.set(caller, left)
    else takenBy.delete(caller)
  }

  return {
    take(caller) {
      const own = takenBy.get(caller) ?? 0
      if (taken >= inAll || own >= ofCaller) return undefined
      taken += 1
      takenBy.set(caller, own + 1)
      return () => giveBack(caller)
    },
  }
}
