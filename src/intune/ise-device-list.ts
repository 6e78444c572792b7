import type { XmlElement } from '../xml/xml-tree.ts'

/**
 * The list of devices of an answer in Cisco's MDM API; nothing where the document is about something else, has no list,
 * a nil one or several, or one with something else than devices in it. Only a list can be empty: its absence says nothing.
 * `taken`: how many devices were in it that were handed on while it was read.
 */
export function findDeviceList(root: XmlElement, taken = 0): XmlElement | undefined {
  if (root.name !== 'ise_api') return undefined
  const subjects = textsOf(root, 'name')
  if (!subjects.every((subject) => subject.toLowerCase() === 'attributes')) return undefined
  const [list, ...others] = root.children.filter(({ name }) => name === 'devicelist')
  if (list === undefined || others.length > 0 || list.isNil || list.text.trim() !== '') return undefined
  const isOfDevices = taken > 0 || list.children.length === 0 || list.children.some(isDevice)
  return isOfDevices ? list : undefined
}

/** The devices of a list, also those that say nothing. */
export function devicesOf(list: XmlElement): readonly XmlElement[] {
  return list.children.filter(isDevice)
}

/** Where the next page of an answer starts: 0 where this is the last one, nothing where that cannot be told. */
export function nextPageOf(root: XmlElement): string | undefined {
  const [token = '0', ...others] = new Set(textsOf(root, 'paging_info'))
  return others.length === 0 ? token : undefined
}

function isDevice({ name }: XmlElement): boolean {
  return name === 'device'
}

function textsOf(element: XmlElement, name: string): string[] {
  return element.children
    .filter((child) => child.name === name)
    .map(({ text }) => text.trim())
    .filter((text) => text !== '')
}
