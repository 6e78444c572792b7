/** What can be said of one thing that can go wrong. */
export interface FaultDescription {
  readonly area: 'configuration' | 'network' | 'entra' | 'discovery' | 'intune' | 'caller' | 'service'
  readonly meaning: string
  readonly remedy: string
  /** True where the same question may succeed later without anyone acting. */
  readonly retryable: boolean
}
