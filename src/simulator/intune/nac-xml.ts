import type { SimulatedCloud } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import type { BulkRow } from '../state/bulk-listings.ts'
import type { Device } from '../state/devices.ts'
import type { IseDialect } from './ise-api.ts'
import { wireCompliance } from './wire-compliance.ts'
import { element, writeXml, type XmlElement } from './xml.ts'

/** NAC 1.x as ISE asks it: the Cisco MDM API in version 2, MACs only, lower-case names, no namespace. */
export function createNacXml({ state }: Pick<SimulatedCloud, 'state'>): IseDialect {
  const variants = state.tenant.variants()

  function attributesOf(device: Device): XmlElement[] {
    const optional = { manufacturer: device.manufacturer, imei: device.imei, meid: device.meid }
    return [
      element('register_status', 'true'),
      // This document declares no namespace for i:nil.
      element('compliance', [element('status', wireCompliance(device, variants) ?? '')]),
      element('pin_lock_on', 'false'),
      element('model', device.model ?? ''),
      element('udid', device.udid ?? ''),
      element('serial_number', device.serialNumber ?? ''),
      element('os_version', device.osVersion ?? ''),
      ...Object.entries(optional).flatMap(([name, value]) => (value ? [element(name, value)] : [])),
    ]
  }

  /** Only in the list, which could not be read otherwise, does a row name its device. */
  function listedRow({ device, mac = '' }: BulkRow): XmlElement {
    return element('device', [element('macaddress', mac), element('attributes', attributesOf(device))])
  }

  return {
    criteria: ['macaddress'],
    mdmInfoDocument() {
      // Microsoft spells the name in another way here than in the discovered uri.
      const path = variants.nacPath.replace(/StatelessNACService$/, 'StatelessNacService')
      return document('mdminfo', [
        element('api_path', `${path}/ciscodeviceinfo/mdm/api`),
        element('redirect_url', cloudOf(variants).portalUrl),
        element('query_max_size', '100'),
        element('messaging_support', 'false'),
        element('vendor', 'Microsoft'),
        element('product_name', 'Microsoft Intune'),
        element('product_version', '5.0'),
      ])
    },
    deviceDocument(devices) {
      return attributesDocument(
        devices.map((device) => element('device', [element('attributes', attributesOf(device))])),
      )
    },
    unmanagedDocument() {
      // Without a namespace for i:nil a list that is nil is left out.
      if (variants.notFound === 'missing_list' || variants.notFound === 'nil_list') {
        return document('attributes', [pagingInfo('0')])
      }
      const attributes = [
        element('register_status', 'false'),
        element('compliance', [element('status', 'false')]),
      ]
      const row = element('device', [element('attributes', attributes)])
      return attributesDocument(variants.notFound === 'empty_list' ? [] : [row])
    },
    bulkIdentifier: () => 'macaddress',
    bulkDocument: ({ rows, nextToken }) => attributesDocument(rows.map(listedRow), nextToken),
  }
}

function attributesDocument(rows: readonly XmlElement[], paging = '0'): string {
  return document('attributes', [pagingInfo(paging), element('deviceList', rows)])
}

function pagingInfo(token: string): XmlElement {
  return element('paging_info', token)
}

function document(name: string, content: readonly XmlElement[]): string {
  return writeXml(element('ise_api', [element('name', name), element('api_version', '2'), ...content]))
}
