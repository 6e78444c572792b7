import { type Exchange, parameter, type SimulatedCloud } from '../exchange.ts'
import type { BulkPage, BulkRow } from '../state/bulk-listings.ts'
import type { Device } from '../state/devices.ts'
import type { Variants } from '../state/variants.ts'
import { wireCompliance } from './wire-compliance.ts'

/** By what the list names its devices. */
export type BulkIdentifier = 'guid' | 'macaddress'

/** The page that a call for the list of all noncompliant devices gets, or the status that refuses it and why. */
export function readBulkPage(
  identifier: BulkIdentifier,
  exchange: Exchange,
  { clock, state }: SimulatedCloud,
): BulkPage | { readonly refusal: 400 | 503; readonly reason: string } {
  if (parameter(exchange, 'value')?.toLowerCase() !== 'false') {
    return { refusal: 400, reason: 'value is not false' }
  }
  const paging = parameter(exchange, 'paging') ?? ''
  const variants = state.tenant.variants()
  if (paging !== '0') {
    return state.bulkListings.continue(paging) ?? { refusal: 400, reason: 'paging is missing or unknown' }
  }
  if (!state.bulkListings.admit(clock.nowMs(), variants.bulkRule)) {
    return { refusal: 503, reason: 'The list was asked for less than four hours ago' }
  }
  return state.bulkListings.open(listedRows(identifier, state.devices.list(), variants), variants)
}

/** Registered devices that read noncompliant; where MACs were asked for, once for each MAC. */
function listedRows(identifier: BulkIdentifier, devices: readonly Device[], variants: Variants): BulkRow[] {
  return devices
    .filter((device) => device.enrolled && wireCompliance(device, variants)?.trim().toLowerCase() === 'false')
    .flatMap((device) =>
      identifier === 'guid' ? [{ device }] : device.macs.map((mac): BulkRow => ({ device, mac })),
    )
}
