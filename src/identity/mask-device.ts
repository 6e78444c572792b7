import { createHmac } from 'node:crypto'

/** Renders a device identifier for a log or a trace; an empty text stays empty. */
export type MaskDevice = (device: string) => string

/**
 * How identifiers are shown: to the letter, as a keyed hash of 32 hex digits, or not at all. The key makes lines of one
 * deployment match each other but not a list of all MAC addresses.
 */
export function createDeviceMask(shown: 'full' | 'hash' | 'none', hashKey: Buffer): MaskDevice {
  if (shown === 'full') return (device) => device
  if (shown === 'none') return () => ''
  return (device) =>
    device === '' ? '' : createHmac('sha256', hashKey).update(device).digest('hex').slice(0, 32)
}
