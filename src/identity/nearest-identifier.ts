import { nearestName } from '../nearest-name.ts'

/** What other products and people call the same thing. */
const otherNames: Readonly<Record<string, string>> = {
  macaddress: 'mac',
  callingstationid: 'mac',
  guid: 'deviceId',
  id: 'deviceId',
  intunedeviceid: 'deviceId',
  serial: 'serialNumber',
  san: 'certificateSan',
  certsan: 'certificateSan',
  cn: 'certificateCn',
  certcn: 'certificateCn',
}

/** The accepted name of an identifier that a wrong one was probably meant to be; undefined where none is near. */
export function nearestIdentifierName(wrong: string, accepted: readonly string[]): string | undefined {
  const folded = wrong.toLowerCase().replace(/[^a-z0-9]/g, '')
  const byMeaning = Object.hasOwn(otherNames, folded) ? otherNames[folded] : undefined
  return byMeaning !== undefined && accepted.includes(byMeaning) ? byMeaning : nearestName(wrong, accepted)
}
