/** Why the service may not start now, in a sentence for the operator. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
  /** True: starting again changes nothing before the configuration does. */
  readonly isConfiguration: boolean

  constructor(message: string, { isConfiguration = false } = {}) {
    super(message)
    this.isConfiguration = isConfiguration
  }
}
