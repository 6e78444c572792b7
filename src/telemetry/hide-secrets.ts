/** What credentials look like in a sentence of somebody else's making. The first group, where there is one, stays. */
const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gs,
  /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)*/g,
  /\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}/gi,
  /\b((?:access_token|refresh_token|client_assertion|client_secret|password|passphrase|authorization)["']?\s*[:=]\s*["']?)[^\s"'&,;}]+/gi,
]

/**
 * Takes credentials out of the message and the stack of an error: keys, tokens, Authorization values, and what stands
 * behind a name such as `password=`. A second lock for texts that this service did not write itself.
 */
export function hideSecrets(text: string): string {
  return shapes.reduce(
    (rest, shape) => rest.replace(shape, (_all, kept) => `${typeof kept === 'string' ? kept : ''}[redacted]`),
    text,
  )
}
