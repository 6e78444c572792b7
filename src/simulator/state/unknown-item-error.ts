/** Something was to be changed that the simulated tenant does not have. */
export class UnknownItemError extends Error {
  override readonly name = 'UnknownItemError'
}
