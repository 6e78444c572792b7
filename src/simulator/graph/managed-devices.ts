import { randomUUID } from 'node:crypto'
import {
  type Description,
  type Exchange,
  jsonReply,
  parameter,
  type SimulatedCloud,
  type WireReply,
} from '../exchange.ts'
import { replyingDevice } from '../intune/device-question.ts'
import { cloudOf } from '../national-clouds.ts'
import type { InventoryKey } from '../state/device-inventory.ts'
import type { Device } from '../state/devices.ts'
import { presentGraphError, presentIntuneErrorInGraph } from './graph-error.ts'
import { type ManagedDevice, managedDevice, managedDeviceProperties } from './managed-device-document.ts'
import { type EqualityFilter, type ListOptions, readListOptions, writeSkipToken } from './odata.ts'

const managedDevicesPath =
  /^\/(?:v1\.0|beta)\/deviceManagement\/managedDevices(?:\/([^/]+)|\('?([^'/]+)'?\))?$/i

const sufficientRoles = new Set([
  'DeviceManagementManagedDevices.Read.All',
  'DeviceManagementManagedDevices.ReadWrite.All',
])

/** The properties that Graph filters by, with the key of the inventory. By any other it does not filter at all. */
const filterKeys: ReadonlyMap<string, InventoryKey> = new Map([
  ['serialnumber', 'serialNumber'],
  ['azureaddeviceid', 'azureDeviceId'],
  ['imei', 'imei'],
  ['devicename', 'deviceName'],
  ['compliancestate', 'complianceState'],
])

/** One device, or the list of them. */
export interface ManagedDevicesCall {
  readonly id?: string
}

/** Reads `deviceManagement/managedDevices` with or without a key; undefined for any other path. */
export function matchManagedDevices(exchange: Exchange): ManagedDevicesCall | undefined {
  const match = managedDevicesPath.exec(decodeURIComponent(exchange.path))
  if (match === null) return undefined
  const id = match[1] ?? match[2]
  return id === undefined ? {} : { id: id.toLowerCase() }
}

/** What a call is about: the device id, or the filter's property and value. */
export function describeManagedDevices(
  { id }: ManagedDevicesCall,
  exchange: Exchange,
  { state }: SimulatedCloud,
): Description {
  const options = readListOptions(exchange)
  const filter = typeof options === 'string' ? undefined : options.filter
  const about = id === undefined ? filter : { property: 'id', value: id }
  if (about === undefined) return { subject: {}, names: () => [] }
  return {
    subject: { identifier: { kind: about.property, value: about.value } },
    names() {
      const key = filterKeys.get(about.property.toLowerCase())
      const device = id === undefined ? undefined : state.devices.find(id)
      const devices = device ? [device] : key ? state.devices.findBy(key, about.value) : []
      return [about.value, ...devices.flatMap((one) => state.devices.namesOf(one))]
    },
  }
}

/** Managed devices as Graph tells of them. The token is good for Graph, and these are its roles. */
export function answerManagedDevices(
  { id }: ManagedDevicesCall,
  roles: readonly string[],
  exchange: Exchange,
  cloud: SimulatedCloud,
): WireReply {
  if (!roles.some((role) => sufficientRoles.has(role))) {
    const reason = `Application is not authorized to perform this operation. Application must have one of the following scopes: ${[...sufficientRoles].join(', ')}`
    return presentIntuneErrorInGraph(403, exchange, cloud, { reason })
  }
  const options = readListOptions(exchange)
  const problem = typeof options === 'string' ? options : unknownProperty(options)
  if (typeof options === 'string' || problem !== undefined) {
    return presentGraphError(400, 'BadRequest', problem ?? 'Invalid query option.', exchange, cloud)
  }
  if (id === undefined) return answerList(options, exchange, cloud)

  const device = cloud.state.devices.find(id)
  if (!device?.enrolled) return presentIntuneErrorInGraph(404, exchange, cloud)
  const whole = managedDevice(replyingDevice(device, cloud))
  const properties = selected(
    options.select === undefined ? { ...whole, ethernetMacAddress: null } : whole,
    options,
  )
  return graphReply({ '@odata.context': contextOf(options, '/$entity', cloud), ...properties }, exchange)
}

function answerList(options: ListOptions, exchange: Exchange, cloud: SimulatedCloud): WireReply {
  const { skipped, top, filter } = options
  const enrolled = candidates(filter, cloud).filter((device) => device.enrolled)
  const pageSize = Math.min(top ?? Number.POSITIVE_INFINITY, cloud.state.tenant.variants().detailsPageSize)
  const page = enrolled.slice(skipped, skipped + pageSize)
  const body = {
    '@odata.context': contextOf(options, '', cloud),
    '@odata.count': page.length,
    ...(skipped + pageSize < enrolled.length && {
      '@odata.nextLink': nextLink(exchange, skipped + pageSize, cloud),
    }),
    // In a list the Ethernet MAC is null, even when it is asked for by name.
    value: page.map((device) => selected({ ...managedDevice(device), ethernetMacAddress: null }, options)),
  }
  return graphReply(body, exchange)
}

function candidates(filter: EqualityFilter | undefined, { state }: SimulatedCloud): readonly Device[] {
  const key = filter && filterKeys.get(filter.property.toLowerCase())
  return filter && key ? state.devices.findBy(key, filter.value) : state.devices.list()
}

function selected(
  device: ManagedDevice,
  { select }: Pick<ListOptions, 'select'>,
): Readonly<Record<string, unknown>> {
  const wanted = select?.map((name) => name.toLowerCase())
  if (wanted === undefined) return { ...device }
  // The key is there in any case.
  return Object.fromEntries(
    Object.entries(device).filter(([name]) => name === 'id' || wanted.includes(name.toLowerCase())),
  )
}

function unknownProperty({ select }: ListOptions): string | undefined {
  const unknown = select?.find((name) => !managedDeviceProperties.has(name.toLowerCase()))
  return unknown === undefined
    ? undefined
    : `Could not find a property named '${unknown}' on type 'microsoft.graph.managedDevice'.`
}

function contextOf({ select }: ListOptions, end: string, { state }: SimulatedCloud): string {
  const shape = select === undefined ? '' : `(${select.join(',')})`
  const { graphResource } = cloudOf(state.tenant.variants())
  return `${graphResource}/v1.0/$metadata#deviceManagement/managedDevices${shape}${end}`
}

/** The same call with a token: on the simulator's own origin, which is the Graph host of its clients. */
function nextLink(exchange: Exchange, skipped: number, { origin }: SimulatedCloud): string {
  const query = new URLSearchParams()
  for (const name of ['$filter', '$select', '$top']) {
    const value = parameter(exchange, name)
    if (value !== undefined) query.set(name, value)
  }
  query.set('$skiptoken', writeSkipToken(skipped))
  return `${origin}${exchange.path}?${query}`
}

function graphReply(body: unknown, { clientRequestId }: Exchange): WireReply {
  return jsonReply(200, body, { 'request-id': randomUUID(), 'client-request-id': clientRequestId })
}
