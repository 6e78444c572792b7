import { distance as editDistance } from 'fastest-levenshtein'

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

const maxDistance = 2

/** The accepted name that a wrong one was probably meant to be; undefined where none is near. */
export function nearestName(wrong: string, accepted: readonly string[]): string | undefined {
  if (wrong.length > 64) return undefined
  const folded = fold(wrong)
  const byMeaning = Object.hasOwn(otherNames, folded) ? otherNames[folded] : undefined
  if (byMeaning !== undefined && accepted.includes(byMeaning)) return byMeaning
  let nearest: string | undefined
  let nearestDistance = maxDistance + 1
  for (const name of accepted) {
    const distance = editDistance(folded, fold(name))
    // Two letters out of three changed is another word.
    if (distance < nearestDistance && distance * 2 <= name.length) {
      nearest = name
      nearestDistance = distance
    }
  }
  return nearest
}

/** Case and separators are what people get wrong first: `device_id`, `MAC`, `mac[]`. */
function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
