import type { Description, Exchange, SimulatedCloud, SimulatedService, WireReply } from '../exchange.ts'
import type { Device } from '../state/devices.ts'
import type { SimulatorHop } from '../state/faults.ts'
import { presentIntuneError, refuseCaller } from './front-end.ts'
import { type DeviceQuestion, deviceDocument, mdmInfoDocument, unmanagedDocument } from './ise-documents.ts'

const mdmInfoSuffix = '/ciscoise/mdminfo'
const devicesSuffix = '/cisco/devices'

/** Intune's Compliance Retrieval service in the XML dialect that Cisco ISE speaks ("NAC 2.0", API version 3). */
export function createComplianceRetrieval(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf,
    describe: (exchange) => describeQuery(exchange, cloud),
    async answer(exchange) {
      const hop = hopOf(exchange)
      const { complianceRetrievalPath, retiredPathStatus } = cloud.state.tenant.variants()
      const suffix = hop === 'mdminfo' ? mdmInfoSuffix : devicesSuffix
      if (hop === 'other') return presentIntuneError(404, exchange, cloud)
      if (exchange.path.toLowerCase() !== `${complianceRetrievalPath}${suffix}`.toLowerCase()) {
        return presentIntuneError(retiredPathStatus, exchange, cloud)
      }
      if (exchange.method !== 'GET') return presentIntuneError(405, exchange, cloud)
      const refusal = (await refuseCaller(exchange, cloud)) ?? refuseFormat(exchange, cloud)
      if (refusal) return refusal
      return hop === 'mdminfo' ? answerMdmInfo(exchange, cloud) : answerDevices(exchange, cloud)
    },
  }
}

/** By the end of the path alone, so that a call to a path the tenant has left is still seen as a query. */
function hopOf({ path }: Exchange): SimulatorHop {
  const lowerPath = path.toLowerCase()
  if (lowerPath.endsWith(mdmInfoSuffix)) return 'mdminfo'
  return lowerPath.endsWith(devicesSuffix) ? 'query' : 'other'
}

function refuseFormat(exchange: Exchange, cloud: SimulatedCloud): WireReply | undefined {
  const accept = exchange.headers.accept ?? ''
  if (/\b(application|text)\/xml\b/i.test(accept)) return undefined
  if (cloud.state.tenant.variants().acceptHeader === 'optional') return undefined
  return presentIntuneError(406, exchange, cloud, 'Accept must name application/xml')
}

function answerMdmInfo(exchange: Exchange, cloud: SimulatedCloud): WireReply {
  if (!/^\d+$/.test(parameter(exchange, 'ise_api_version') ?? '')) {
    return presentIntuneError(400, exchange, cloud, 'ise_api_version is missing or no number')
  }
  return xmlReply(mdmInfoDocument(cloud.state.tenant.variants().complianceRetrievalPath))
}

function answerDevices(exchange: Exchange, cloud: SimulatedCloud): WireReply {
  const variants = cloud.state.tenant.variants()
  const question = readQuestion(exchange, variants.macSpelling === 'not_found')
  if (typeof question === 'string') return presentIntuneError(400, exchange, cloud, question)

  const managed = findDevices(question, cloud).filter(({ enrolled }) => enrolled)
  if (managed.length > 0) {
    return xmlReply(
      deviceDocument(
        managed.map((device) => replyingDevice(device, cloud)),
        question,
        variants,
      ),
    )
  }
  if (variants.notFound === 'http_404') return presentIntuneError(404, exchange, cloud)
  return xmlReply(unmanagedDocument(question, variants))
}

/** The question, or what is wrong with it. */
function readQuestion(exchange: Exchange, anyMacSpelling: boolean): DeviceQuestion | string {
  const criteria = parameter(exchange, 'querycriteria')?.toLowerCase()
  const value = parameter(exchange, 'value') ?? ''
  if (!/^\d+$/.test(parameter(exchange, 'paging') ?? '')) return 'paging is missing or no number'
  if (criteria === 'guid') {
    const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
    return guid ? { criteria, value: value.toLowerCase() } : 'value is no GUID'
  }
  if (criteria === 'macaddress') {
    const bare = /^[0-9a-f]{12}$/i.test(value)
    return bare || anyMacSpelling ? { criteria, value: value.toUpperCase() } : 'value is not 12 hex digits'
  }
  return 'querycriteria is missing or not supported'
}

function findDevices({ criteria, value }: DeviceQuestion, { state }: SimulatedCloud): readonly Device[] {
  if (criteria === 'macaddress') return state.devices.findByMac(value)
  const device = state.devices.find(value)
  return device ? [device] : []
}

/** The device that the row speaks of: another one where the tenant was told to lie. */
function replyingDevice(device: Device, { state }: SimulatedCloud): Device {
  if (device.replyAs === undefined) return device
  return state.devices.find(device.replyAs) ?? { ...device, deviceId: device.replyAs }
}

function describeQuery(exchange: Exchange, cloud: SimulatedCloud): Description {
  const criteria = parameter(exchange, 'querycriteria')
  const value = parameter(exchange, 'value')
  if (hopOf(exchange) !== 'query' || criteria === undefined || value === undefined) {
    return { subject: {}, names: [] }
  }
  const question = readQuestion(exchange, false)
  const devices = typeof question === 'string' ? [] : findDevices(question, cloud)
  return {
    subject: { identifier: { kind: criteria.toLowerCase(), value } },
    names: [value, ...devices.flatMap(({ deviceId, macs }) => [deviceId, ...macs])],
  }
}

/** Names of query parameters are matched in any case, as ASP.NET does. */
function parameter({ query }: Exchange, name: string): string | undefined {
  for (const [key, value] of query) if (key.toLowerCase() === name) return value
  return undefined
}

function xmlReply(body: string): WireReply {
  return { status: 200, contentType: 'application/xml; charset=utf-8', body }
}
