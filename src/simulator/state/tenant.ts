import { type LoadedScenario, type ScenarioInput, scenarioSchema } from '../scenario/scenario.ts'
import { type AppInput, appSchema, type RegisteredApp } from './apps.ts'
import { type BulkListings, createBulkListings } from './bulk-listings.ts'
import { createDeviceInventory, type DeviceInventory } from './device-inventory.ts'
import type { Device, DeviceInput, DevicePatch } from './devices.ts'
import { createFaultTable, type FaultTable } from './fault-table.ts'
import type { ActiveFault, FaultInput, SimulatorHop } from './faults.ts'
import type { RecordedRequest, RequestCounts } from './recorded-requests.ts'
import { createRequestLog, type RequestLog } from './request-log.ts'
import { type Move, type MoveInput, moveSchema } from './scale-unit.ts'
import { homePaths, type Variants, type VariantsInput, variantsSchema } from './variants.ts'

/**
 * The state of the simulated tenant, changed while the server runs. Every call takes effect with the next request.
 * Input is checked: a wrong field throws zod's `ZodError`, which names it.
 */
export interface SimulatedTenant {
  /** Adds an app registration, or replaces the one with the same `clientId`. */
  registerApp(input: AppInput): RegisteredApp
  /** False when there was none. */
  removeApp(clientId: string): boolean
  listApps(): readonly RegisteredApp[]

  /** Adds a device, or replaces the one with the same `deviceId`. */
  putDevice(input: DeviceInput): Device
  /** The same for many, 20,000 in well under a second; when one of them is wrong none is stored. */
  putDevices(inputs: readonly DeviceInput[]): readonly Device[]
  /** Changes some facts; `null` removes an optional one. Throws an UnknownItemError for a device that is not there. */
  patchDevice(deviceId: string, patch: DevicePatch): Device
  /** False when there was none. */
  removeDevice(deviceId: string): boolean
  listDevices(): readonly Device[]

  variants(): Variants
  /** Sets the given switches and leaves the others as they are. */
  setVariants(input: VariantsInput): Variants
  resetVariants(): Variants
  /**
   * Moves the tenant to another scale unit, as Microsoft does without notice: discovery names new paths, the old ones
   * are gone.
   */
  moveScaleUnit(input?: MoveInput): Move

  /**
   * Adds everything that a scenario holds to what is there; when something in it is wrong nothing changes. An app
   * without certificates keeps those that it has.
   */
  applyScenario(input: ScenarioInput): LoadedScenario

  /** Sets a disturbance; gives its id. Of several that match, every latency adds up and the oldest other one strikes. */
  setFault(input: FaultInput): string
  /** False when it is not set (any more). */
  clearFault(id: string): boolean
  clearFaults(): void
  listFaults(): readonly ActiveFault[]

  /** The latest requests, at most 20,000 of them, oldest first; those of one hop when given. */
  requests(hop?: SimulatorHop): readonly RecordedRequest[]
  /** How many requests arrived since the last clearing; exact, however many there were. */
  requestCounts(): RequestCounts
  clearRequests(): void

  /** Empties everything: apps, devices, faults, requests, the bulk allowance; variants back to their defaults. */
  reset(): void
}

/** The state as the server side reads it, and the face of it that is handed out. */
export interface TenantState {
  readonly tenant: SimulatedTenant
  readonly devices: DeviceInventory
  readonly faults: FaultTable
  readonly requestLog: RequestLog
  readonly bulkListings: BulkListings
  findApp(clientId: string): RegisteredApp | undefined
}

/** Makes an empty tenant; `initialVariants` is what its variants are reset to. */
export function createTenantState(initialVariants: VariantsInput = {}): TenantState {
  const apps = new Map<string, RegisteredApp>()
  const devices = createDeviceInventory()
  const faults = createFaultTable()
  const requestLog = createRequestLog()
  const bulkListings = createBulkListings()
  let variants = variantsSchema.parse(initialVariants)
  let lastScaleUnit = 1

  const tenant: SimulatedTenant = {
    registerApp(input) {
      const app = appSchema.parse(input)
      apps.set(app.clientId, app)
      return app
    },
    removeApp: (clientId) => apps.delete(clientId.toLowerCase()),
    listApps: () => [...apps.values()],

    putDevice: devices.put,
    putDevices: devices.putAll,
    patchDevice: devices.patch,
    removeDevice: devices.remove,
    listDevices: devices.list,

    variants: () => variants,
    setVariants(input) {
      variants = variantsSchema.parse({ ...variants, ...input })
      return variants
    },
    resetVariants() {
      variants = variantsSchema.parse(initialVariants)
      return variants
    },
    moveScaleUnit(input = {}) {
      const { name, oldPaths } = moveSchema.parse(input)
      lastScaleUnit += 1
      const prefix = `/${name ?? `msud${String(lastScaleUnit).padStart(2, '0')}`}`
      const { complianceRetrievalPath, nacPath, retiredPathStatus } = tenant.setVariants({
        complianceRetrievalPath: `${prefix}${homePaths.complianceRetrievalPath}`,
        nacPath: `${prefix}${homePaths.nacPath}`,
        retiredPathStatus: oldPaths,
      })
      return { complianceRetrievalPath, nacPath, oldPaths: retiredPathStatus }
    },

    applyScenario(input) {
      const scenario = scenarioSchema.parse(input)
      for (const app of scenario.apps) {
        const certificatesPem = app.certificatesPem ?? apps.get(app.clientId)?.certificatesPem ?? []
        tenant.registerApp({ ...app, certificatesPem })
      }
      devices.putAll(scenario.devices)
      tenant.setVariants(scenario.variants)
      const faultIds = scenario.faults.map((fault) => faults.set(fault))
      return {
        apps: scenario.apps.length,
        devices: scenario.devices.length,
        variants: Object.keys(scenario.variants),
        faultIds,
      }
    },

    setFault: faults.set,
    clearFault: faults.clear,
    clearFaults: faults.clearAll,
    listFaults: faults.list,

    requests: requestLog.list,
    requestCounts: requestLog.counts,
    clearRequests: requestLog.clear,

    reset() {
      apps.clear()
      devices.clear()
      faults.clearAll()
      requestLog.clear()
      bulkListings.clear()
      tenant.resetVariants()
    },
  }
  return {
    tenant,
    devices,
    faults,
    requestLog,
    bulkListings,
    findApp: (clientId) => apps.get(clientId.toLowerCase()),
  }
}
