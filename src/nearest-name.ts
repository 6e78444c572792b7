import { distance as editDistance } from 'fastest-levenshtein'

const maxDistance = 2

/**
 * The accepted name that a wrong one was probably meant to be: at most two letters and half of it differ, upper and
 * lower case and separators aside (`device_id`, `MAC`, `mac[]`). Undefined where none is near.
 */
export function nearestName(wrong: string, accepted: readonly string[]): string | undefined {
  if (wrong.length > 64) return undefined
  const folded = fold(wrong)
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

/** Continues a sentence about a wrong name: `; did you mean mac?`, or nothing where no accepted name is near. */
export function didYouMean(wrong: string, accepted: readonly string[]): string {
  const nearest = nearestName(wrong, accepted)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
