import type { Exchange, SimulatedCloud, WireReply } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { presentIntuneError } from './intune-error.ts'
import type { IntuneApi } from './routes.ts'

/** The role that lets an app read compliance through the Intune API. */
const complianceRole = 'get_device_compliance'

/** Intune's refusal of a caller, or undefined when the token is for this API and has the role. */
export async function refuseCaller(
  exchange: Exchange,
  cloud: SimulatedCloud,
): Promise<WireReply | undefined> {
  const token = await cloud.tokens.read(exchange.headers.authorization)
  const { intuneResource } = cloudOf(cloud.state.tenant.variants())
  // Without the trailing slash it is another audience.
  if (!token.valid || intuneResource === undefined || token.audience !== `${intuneResource}/`) {
    return presentIntuneError(401, exchange, cloud)
  }
  return token.roles.includes(complianceRole) ? undefined : presentIntuneError(403, exchange, cloud)
}

const xmlTypes = /\b(application|text)\/(xml|\*)/i
const anyType = /^$|\*\/\*|\b(application|text)\/(json|\*)/i

/** The XML dialects have to be asked for by name; JSON is what NAC 1.x sends to whoever does not refuse it. */
export function refuseFormat(
  api: IntuneApi,
  exchange: Exchange,
  cloud: SimulatedCloud,
): WireReply | undefined {
  const accept = exchange.headers.accept ?? ''
  if (cloud.state.tenant.variants().acceptHeader === 'optional') return undefined
  if ((api === 'nac_json' ? anyType : xmlTypes).test(accept)) return undefined
  const reason =
    api === 'nac_json' ? 'Accept must allow application/json' : 'Accept must name application/xml'
  return presentIntuneError(406, exchange, cloud, { reason })
}
