import type { Observation } from '../compliance/compliance-record.ts'
import type { Fault, Outcome } from '../errors/fault.ts'
import type { DeviceIdentifier } from '../identity/device-identity.ts'
import { parseComplianceReply } from './compliance-retrieval-xml.ts'
import { askIntune, type DeviceQuery, kindNotSupported, type QueryOptions } from './device-query.ts'
import { ignoreDrift, type NoteDrift } from './drift.ts'
import { parseNacReply } from './nac-json.ts'

/** The kinds that NAC 1.x takes as `querycriteria` (Microsoft Intune, network access control integration). */
const CRITERIA = { mac: 'macaddress', imei: 'imei', meid: 'meid', udid: 'udid' } as const

/** The forms in which NAC 1.x can be asked, best first: its JSON in three versions, and the XML of Cisco's version 2. */
const FORMS = ['1.3', '1.1', '1.0', 'ise-v2'] as const
type Form = (typeof FORMS)[number]

export interface NacQueryOptions extends QueryOptions {
  readonly noteJson?: NoteDrift
  readonly noteXml?: NoteDrift
}

/**
 * The query of the NAC 1.x service (StatelessNACService). Which versions a tenant's service takes is not published, so
 * the form that worked last is used first, and another one is tried only after a reply that is about the form: 400 for
 * the version, 404, 405, 406, 415 or an unreadable 200 for JSON as such. An outage is never a reason. Faults: those of
 * `askIntune`, of the best form where none works; `identifier_not_supported` for device ids and serial numbers.
 */
export function createNacQuery(options: NacQueryOptions): DeviceQuery {
  const working = new Map<string, Form>()

  return async (endpoint, identifier) => {
    const criteria = criteriaOf(identifier)
    if (criteria === undefined) return kindNotSupported(identifier.kind, 'mac, imei, meid and udid work')
    const proven = working.get(endpoint)
    let first: Outcome<Observation> | undefined
    let form: Form | undefined = proven === 'ise-v2' && identifier.kind !== 'mac' ? '1.3' : (proven ?? '1.3')
    const tried = new Set<Form>()
    while (form !== undefined) {
      const answer = await ask(endpoint, identifier, criteria, form, options)
      if (answer.ok) {
        // A 404 to the first form may have been about that device: the richer form stays the first choice.
        const isSecondChoice = first !== undefined && !first.ok && first.fault.status === 404
        if (!isSecondChoice) working.set(endpoint, form)
        return answer
      }
      first ??= answer
      tried.add(form)
      form = nextForm(answer.fault, identifier, tried, form === proven)
    }
    return first ?? kindNotSupported(identifier.kind, 'mac, imei, meid and udid work')
  }
}

function criteriaOf({ kind }: DeviceIdentifier): string | undefined {
  return Object.hasOwn(CRITERIA, kind) ? CRITERIA[kind as keyof typeof CRITERIA] : undefined
}

function ask(
  endpoint: string,
  identifier: DeviceIdentifier,
  criteria: string,
  form: Form,
  options: NacQueryOptions,
): Promise<Outcome<Observation>> {
  const { noteJson = ignoreDrift, noteXml = ignoreDrift } = options
  const asked = `querycriteria=${criteria}&value=${encodeURIComponent(identifier.value)}`
  if (form === 'ise-v2') {
    const question = {
      api: 'nac-ise-v2',
      url: `${endpoint}/ciscodeviceinfo/mdm/api/devices/?paging=0&${asked}&filter=all`,
      accept: 'application/xml',
      parse: (body: string) => parseComplianceReply(body, identifier, noteXml, 2),
    } as const
    return askIntune(question, options)
  }
  const question = {
    api: 'nac',
    url: `${endpoint}/devices/?${asked}&api-version=${form}`,
    accept: 'application/json',
    parse: (body: string) => parseNacReply(body, identifier, noteJson),
  } as const
  return askIntune(question, options)
}

/** What to try after a failure, if anything. The XML has a published query for MACs alone. */
function nextForm(
  { code, status, isContradiction }: Fault,
  { kind }: DeviceIdentifier,
  tried: ReadonlySet<Form>,
  wasProven: boolean,
): Form | undefined {
  const left = FORMS.filter((form) => !tried.has(form) && (form !== 'ise-v2' || kind === 'mac'))
  if (status === 400) return left[0]
  // A form that has worked here is not the reason for a 404: that is the device or the address.
  const isAboutDialect =
    (code === 'intune_endpoint_gone' && status === 404 && !wasProven) ||
    code === 'intune_rejected' ||
    // What contradicts itself was understood: another form must not be asked until one says something nicer.
    (code === 'intune_reply_malformed' && status === 200 && !isContradiction)
  if (!isAboutDialect) return undefined
  return tried.has('ise-v2') ? left[0] : left.find((form) => form === 'ise-v2')
}
