import {
  type Description,
  type Exchange,
  parameter,
  type SimulatedCloud,
  type SimulatedService,
  type WireReply,
} from '../exchange.ts'
import type { SimulatorHop } from '../state/faults.ts'
import { createComplianceRetrieval } from './compliance-retrieval.ts'
import { findDevices, readQuestion } from './device-question.ts'
import { refuseCaller, refuseFormat } from './front-end.ts'
import { presentIntuneError } from './intune-error.ts'
import { answerIse } from './ise-api.ts'
import { answerNacJson } from './nac-json.ts'
import { createNacXml } from './nac-xml.ts'
import { findRoute, type IntuneRoute } from './routes.ts'

/** Intune's compliance APIs: Compliance Retrieval and both dialects of NAC 1.x, behind one front end. */
export function createIntune(cloud: SimulatedCloud): SimulatedService {
  const routeOf = ({ path }: Exchange) => findRoute(path, cloud.state.tenant.variants())
  return {
    hopOf: (exchange) => hopOf(routeOf(exchange), exchange),
    describe: (exchange) => describeCall(routeOf(exchange), exchange, cloud),
    async answer(exchange) {
      const route = routeOf(exchange)
      if (route === undefined) return presentIntuneError(404, exchange, cloud)
      if (!route.current) {
        const { retiredPathStatus } = cloud.state.tenant.variants()
        return retiredPathStatus === 'reset'
          ? retiredPathStatus
          : presentIntuneError(retiredPathStatus, exchange, cloud)
      }
      if (exchange.method !== 'GET') return presentIntuneError(405, exchange, cloud)
      const refusal = (await refuseCaller(exchange, cloud)) ?? refuseFormat(route.api, exchange, cloud)
      return refusal ?? answerCall(route, exchange, cloud)
    },
  }
}

function answerCall(route: IntuneRoute, exchange: Exchange, cloud: SimulatedCloud): WireReply {
  switch (route.api) {
    case 'compliance_retrieval':
      return answerIse(createComplianceRetrieval(cloud), route.operation, exchange, cloud)
    case 'nac_xml':
      return answerIse(createNacXml(cloud), route.operation, exchange, cloud)
    case 'nac_json':
      return answerNacJson(exchange, cloud)
  }
}

/** By the end of the path alone, so that a call to a path the tenant has left is still counted as what it is. */
function hopOf(route: IntuneRoute | undefined, exchange: Exchange): SimulatorHop {
  if (route === undefined) return 'other'
  if (route.operation === 'mdminfo') return 'mdminfo'
  return route.api !== 'nac_json' && isBulk(exchange) ? 'bulk' : 'query'
}

function isBulk(exchange: Exchange): boolean {
  return parameter(exchange, 'querycriteria')?.toLowerCase() === 'compliance'
}

const everyCriteria = ['guid', 'macaddress', 'imei', 'meid', 'udid'] as const

function describeCall(
  route: IntuneRoute | undefined,
  exchange: Exchange,
  cloud: SimulatedCloud,
): Description {
  const criteria = parameter(exchange, 'querycriteria')
  const value = parameter(exchange, 'value')
  if (route?.operation !== 'devices' || criteria === undefined || value === undefined) {
    return { subject: {}, names: () => [] }
  }
  const subject = { identifier: { kind: criteria.toLowerCase(), value } }
  if (isBulk(exchange)) return { subject, names: () => [parameter(exchange, 'deviceidentifier') ?? ''] }
  return {
    subject,
    names() {
      const question = readQuestion(exchange, everyCriteria, { anyMacSpelling: false })
      const devices = typeof question === 'string' ? [] : findDevices(question, cloud)
      return [value, ...devices.flatMap((device) => cloud.state.devices.namesOf(device))]
    },
  }
}
