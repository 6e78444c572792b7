import { type ActiveFault, type FaultInput, faultSchema, type SimulatorHop } from './faults.ts'

/** A disturbance that replaces or spoils the answer; latency is added up apart from these. */
export type Disturbance = Exclude<ActiveFault, { kind: 'latency' }>

/** What strikes one request. */
export interface Strike {
  readonly latencyMs: number
  readonly disturbance?: Disturbance
}

/** The disturbances that are set, in the order in which they were. */
export interface FaultTable {
  set(input: FaultInput): string
  clear(id: string): boolean
  clearAll(): void
  list(): readonly ActiveFault[]
  /** Takes what strikes a request of this hop about these names, and counts it down. */
  strike(hop: SimulatorHop, names: () => readonly string[]): Strike
}

/** Makes an empty table. */
export function createFaultTable(): FaultTable {
  const faults = new Map<string, ActiveFault>()
  let lastId = 0

  function take(fault: ActiveFault): void {
    if (fault.times === undefined) return
    if (fault.times === 1) faults.delete(fault.id)
    else faults.set(fault.id, { ...fault, times: fault.times - 1 })
  }

  return {
    set(input) {
      lastId += 1
      const id = `fault-${lastId}`
      faults.set(id, { ...faultSchema.parse(input), id })
      return id
    },
    clear: (id) => faults.delete(id),
    clearAll: () => faults.clear(),
    list: () => [...faults.values()],
    strike(hop, names) {
      const ofHop = [...faults.values()].filter((fault) => fault.hop === hop)
      const known = ofHop.some((fault) => fault.match !== undefined) ? names().map(comparable) : []
      const matching = ofHop.filter(({ match }) => match === undefined || known.includes(comparable(match)))
      let latencyMs = 0
      for (const fault of matching) {
        if (fault.kind !== 'latency') continue
        latencyMs += fault.latencyMs
        take(fault)
      }
      const disturbance = matching.find((fault) => fault.kind !== 'latency')
      if (disturbance === undefined) return { latencyMs }
      take(disturbance)
      return { latencyMs, disturbance }
    },
  }
}

/** Device ids and MACs are written in several ways; none of them differs in its letters and digits. */
function comparable(name: string): string {
  return name.replaceAll(/[-:.\s]/g, '').toLowerCase()
}
