import { parameter, type SimulatedCloud } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { type DeviceQuestion, reportedMac } from './device-question.ts'
import type { IseDialect } from './ise-api.ts'
import { wireCompliance } from './wire-compliance.ts'
import { element, writeXml, type XmlElement } from './xml.ts'

const rootAttributes =
  ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance"' +
  ' xmlns="http://schemas.datacontract.org/2004/07/Microsoft.Intune.ResourceAccess.ComplianceRetrievalService.Model"'

/** Intune's Compliance Retrieval service ("NAC 2.0"): the Cisco MDM API in version 3. */
export function createComplianceRetrieval({ state }: Pick<SimulatedCloud, 'state'>): IseDialect {
  const variants = state.tenant.variants()
  const { notFound, macReply, bulkMacRows, deviceNames } = variants

  function namesOfReply(deviceId: string, mac: string, { criteria }: DeviceQuestion): XmlElement[] {
    if (deviceNames === 'withheld') return []
    const guid = element('guid', deviceId)
    if (criteria === 'guid' || macReply === 'guid') return [guid]
    const macaddress = element('macaddress', mac)
    return macReply === 'macaddress' ? [macaddress] : [guid, macaddress]
  }

  function namesOfRow(deviceId: string, mac: string | undefined): XmlElement[] {
    const guid = element('guid', deviceId)
    if (mac === undefined) return [guid]
    const macaddress = element('macaddress', mac)
    return bulkMacRows === 'macaddress' ? [macaddress] : [guid, macaddress]
  }

  return {
    criteria: ['guid', 'macaddress'],
    mdmInfoDocument() {
      return document('mdminfo', [
        element('api_path', `${variants.complianceRetrievalPath}/cisco`),
        element('redirect_url', cloudOf(variants).portalUrl),
        element('query_max_size', '100'),
        element('messaging_support', 'false'),
        element('vendor', 'Microsoft'),
        element('product_name', 'Microsoft Intune'),
        element('product_version', '5.0'),
      ])
    },
    deviceDocument(devices, question) {
      const rows = devices.map((device) => {
        const names = namesOfReply(device.deviceId, reportedMac(device, question), question)
        return deviceRow(names, 'true', wireCompliance(device, variants))
      })
      return document('attributes', [element('deviceList', rows)])
    },
    unmanagedDocument({ criteria, value }) {
      if (notFound === 'missing_list') return document('attributes', [])
      if (notFound === 'nil_list') return document('attributes', [element('deviceList', null)])
      const names = deviceNames === 'withheld' ? [] : [element(criteria, value)]
      const row = deviceRow(names, 'false', 'false')
      return document('attributes', [element('deviceList', notFound === 'empty_list' ? [] : [row])])
    },
    bulkIdentifier(exchange) {
      const given = parameter(exchange, 'deviceidentifier')?.toLowerCase()
      if (given === 'guid' || given === 'macaddress') return given
      return given === undefined && variants.bulkDeviceIdentifier === 'optional' ? 'guid' : undefined
    },
    bulkDocument({ rows, nextToken = '0' }) {
      const list = rows.map(({ device, mac }) =>
        deviceRow(namesOfRow(device.deviceId, mac), 'true', wireCompliance(device, variants)),
      )
      return document('attributes', [element('paging_info', nextToken), element('deviceList', list)])
    },
  }
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
