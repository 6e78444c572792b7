import { createHash } from 'node:crypto'

/** So many keys are written over and over. */
export const keysInUse = 5000

/** A value that shows whether it is whole: the number, and a digest of it. */
export function crashValue(number: number): string {
  return `${number} ${createHash('sha256').update(String(number)).digest('hex')}`
}
