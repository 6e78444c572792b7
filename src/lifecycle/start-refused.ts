/** Why the service may not start now, in a sentence for the operator; starting again later may succeed. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}
