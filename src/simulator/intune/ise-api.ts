import { type Exchange, parameter, type SimulatedCloud, type WireReply } from '../exchange.ts'
import type { BulkPage } from '../state/bulk-listings.ts'
import type { Device } from '../state/devices.ts'
import { type BulkIdentifier, readBulkPage } from './bulk-list.ts'
import {
  type DeviceCriteria,
  type DeviceQuestion,
  findManagedDevices,
  readQuestion,
} from './device-question.ts'
import { presentIntuneError } from './intune-error.ts'
import type { IntuneRoute } from './routes.ts'
import { xmlReply } from './xml.ts'

/** What differs between the two versions of the Cisco MDM API that Intune speaks. */
export interface IseDialect {
  readonly criteria: readonly DeviceCriteria[]
  mdmInfoDocument(): string
  /** The devices that a question found, one or several (a MAC may be shared). */
  deviceDocument(devices: readonly Device[], question: DeviceQuestion): string
  /** A device that Intune does not manage: a row that says so, an empty list, or no list. */
  unmanagedDocument(question: DeviceQuestion): string
  /** By what the list of all noncompliant devices is to name them; undefined when the call does not say it right. */
  bulkIdentifier(exchange: Exchange): BulkIdentifier | undefined
  /** A page of that list. */
  bulkDocument(page: BulkPage): string
}

/** Answers a call of the Cisco MDM API, whose caller was let in. */
export function answerIse(
  dialect: IseDialect,
  operation: IntuneRoute['operation'],
  exchange: Exchange,
  cloud: SimulatedCloud,
): WireReply {
  const refuse = (reason: string) => presentIntuneError(400, exchange, cloud, { reason })
  if (operation === 'mdminfo') {
    const version = parameter(exchange, 'ise_api_version') ?? ''
    if (!/^\d+$/.test(version)) return refuse('ise_api_version is missing or no number')
    return xmlReply(dialect.mdmInfoDocument())
  }
  if (parameter(exchange, 'querycriteria')?.toLowerCase() === 'compliance') {
    const identifier = dialect.bulkIdentifier(exchange)
    if (identifier === undefined) return refuse('deviceidentifier is neither guid nor macaddress')
    const page = readBulkPage(identifier, exchange, cloud)
    if ('refusal' in page) return presentIntuneError(page.refusal, exchange, cloud, page)
    return xmlReply(dialect.bulkDocument(page))
  }
  const { macSpelling, notFound } = cloud.state.tenant.variants()
  if (!/^\d+$/.test(parameter(exchange, 'paging') ?? '')) return refuse('paging is missing or no number')
  const question = readQuestion(exchange, dialect.criteria, { anyMacSpelling: macSpelling === 'not_found' })
  if (typeof question === 'string') return refuse(question)
  const managed = findManagedDevices(question, cloud)
  if (managed.length > 0) return xmlReply(dialect.deviceDocument(managed, question))
  if (notFound === 'http_404') return presentIntuneError(404, exchange, cloud)
  return xmlReply(dialect.unmanagedDocument(question))
}
