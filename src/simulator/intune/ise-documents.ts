import type { Device } from '../state/devices.ts'
import type { Variants } from '../state/variants.ts'
import { element, writeXml, type XmlElement } from './xml.ts'

/** What a query asked by: an Intune device id or a MAC (12 upper-case hex digits). */
export interface DeviceQuestion {
  readonly criteria: 'guid' | 'macaddress'
  readonly value: string
}

const rootAttributes =
  ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance"' +
  ' xmlns="http://schemas.datacontract.org/2004/07/Microsoft.Intune.ResourceAccess.ComplianceRetrievalService.Model"'

/** The `mdminfo` document of Compliance Retrieval, the Cisco MDM API in version 3. */
export function mdmInfoDocument(complianceRetrievalPath: string): string {
  return document('mdminfo', [
    element('api_path', `${complianceRetrievalPath}/cisco`),
    element('redirect_url', 'https://portal.manage.microsoft.com/networkaccesscontrol/index'),
    element('query_max_size', '100'),
    element('messaging_support', 'false'),
    element('vendor', 'Microsoft'),
    element('product_name', 'Microsoft Intune'),
    element('product_version', '5.0'),
  ])
}

/** The answer about the devices that a question found, one or several (a MAC may be shared). */
export function deviceDocument(
  devices: readonly Device[],
  question: DeviceQuestion,
  variants: Variants,
): string {
  const rows = devices.map((device) => {
    const names =
      question.criteria === 'guid'
        ? [element('guid', device.deviceId)]
        : namesOfMacReply(device.deviceId, reportedMac(device, question), variants)
    return deviceRow(names, 'true', wireCompliance(device, variants))
  })
  return document('attributes', [element('deviceList', rows)])
}

/** The answer about a device that Intune does not manage: a row that says so, an empty list, or no list. */
export function unmanagedDocument(
  { criteria, value }: DeviceQuestion,
  { notFound }: Pick<Variants, 'notFound'>,
): string {
  if (notFound === 'missing_list') return document('attributes', [])
  const row = deviceRow([element(criteria, value)], 'false', 'false')
  return document('attributes', [element('deviceList', notFound === 'empty_list' ? [] : [row])])
}

function document(name: string, content: readonly XmlElement[]): string {
  const root = element('ise_api', [element('name', name), element('api_version', '3'), ...content])
  return writeXml(root, rootAttributes)
}

/** The names stand at both levels, and these two element names alone are capitalised. */
function deviceRow(names: readonly XmlElement[], registered: string, compliance: string | null): XmlElement {
  return element('device', [
    ...names,
    element('Attributes', [
      ...names,
      element('register_status', registered),
      element('Compliance', [element('status', compliance)]),
    ]),
  ])
}

function namesOfMacReply(deviceId: string, mac: string, { macReply }: Variants): XmlElement[] {
  const guid = element('guid', deviceId)
  const macaddress = element('macaddress', mac)
  if (macReply === 'guid') return [guid]
  return macReply === 'macaddress' ? [macaddress] : [guid, macaddress]
}

/** The MAC that was asked for, unless the row is about a device that does not have it (`replyAs`). */
function reportedMac({ macs }: Device, { value }: DeviceQuestion): string {
  return macs.includes(value) ? value : (macs[0] ?? '')
}

/** Null is `i:nil`. Intune says true for Compliant and for nothing else; a grace period reads false. */
function wireCompliance(device: Device, { unknownOnWire }: Variants): string | null {
  if (device.wireCompliance !== undefined)
    return device.wireCompliance === 'nil' ? null : device.wireCompliance
  if (device.complianceState === 'compliant') return 'true'
  if (device.complianceState !== 'unknown' || unknownOnWire === 'false') return 'false'
  return unknownOnWire === 'nil' ? null : ''
}
