/** What the rest of the service is configured with: parsed, defaulted, frozen. Secrets are never in here. */
export interface Settings {
  readonly intune: IntuneSettings
  readonly freshness: FreshnessSettings
  /** Everything a caller waits for happens inside this budget. */
  readonly decisionDeadlineMs: number
  /** `reusePort`: other processes may listen on the same address and port. */
  readonly service: ListenerSettings & { readonly reusePort?: true }
  /** How long the service says that it stops, and answers all the same, before it does; 0 to stop at once. */
  readonly shutdownGraceMs: number
  /** Files of the service's own certificate; without them it speaks HTTP. */
  readonly serviceTls?: ServiceTlsSettings
  /** It speaks HTTP on other addresses than loopback, because something in front of it ends TLS. */
  readonly speaksPlainHttp?: true
  /** Path below which a reverse proxy publishes the service, without a slash at its end. */
  readonly pathPrefix?: string
  /** Addresses and networks of reverse proxies whose X-Forwarded-For is believed; absent: nobody's is. */
  readonly trustedProxies?: readonly string[]
  readonly management: ListenerSettings & {
    /** Files of its own certificate; without them it speaks HTTP. */
    readonly tls?: ServiceTlsSettings
    /** Names that it may be asked by besides its own. */
    readonly allowedHosts?: readonly string[]
    /** Callers on this machine need credentials as well. */
    readonly requiresCredentials?: true
  }
  /** YAML file that says who may ask; without it only loopback callers are served. */
  readonly clientsFile?: string
  /** YAML file with the rules of the site; without it the built-in policy applies alone. */
  readonly policyFile?: string
  /** Directory of what outlives a restart; without it everything is in memory alone. */
  readonly stateDir?: string
  /** How many decisions keep their story in the state directory; without it they are in memory alone. */
  readonly traceStore?: { readonly maxDecisions: number }
  readonly log: LogSettings
  /** File of the decision lines; without it they go to standard output alone. */
  readonly decisionLog?: DecisionLogSettings
}

/** Where the decision lines are kept, how large one file may get, and how many older ones stay. */
export interface DecisionLogSettings {
  readonly file: string
  readonly maxBytes: number
  readonly keepFiles: number
}

/** Which tenant in which cloud, and how the service proves who it is. */
export interface IntuneSettings {
  /** Application (client) id, lower-case GUID. */
  readonly clientId: string
  /** `https://<login host>/<tenant>`, no trailing slash: the MSAL authority. */
  readonly authorityUrl: string
  /** Origin of Microsoft Graph, no trailing slash. */
  readonly graphUrl: string
  /** Resource URI of the Intune API with its trailing slash. */
  readonly audience: string
  /** A discovered host must equal one of these or end in `.` + one of these. */
  readonly allowedHosts: readonly string[]
  readonly certificateFile: string
  readonly privateKeyFile: string
  /** PEM file of extra trust roots for outbound TLS, added to the system's. */
  readonly caFile?: string
  /** Page for end users that enrols or repairs a device. */
  readonly portalUrl: string
  /** Which of Intune's services is asked; `auto`, which is the default, takes what the tenant lists. */
  readonly api?: 'auto' | 'compliance-retrieval' | 'nac'
  /** Whether Graph is asked for the exact state of a device that is not compliant; off by default. */
  readonly graphDetails?: boolean
}

/** How long an answer may be used (docs/caching.md). */
export interface FreshnessSettings {
  readonly compliantFreshMs: number
  readonly noncompliantFreshMs: number
  readonly refreshAheadMs: number
  readonly outageHoldMs: number
}

/** Address and port of one listener; port 0 lets the system pick. */
export interface ListenerSettings {
  readonly host: string
  readonly port: number
}

/** PEM files with which a listener serves HTTPS. */
export interface ServiceTlsSettings {
  readonly certificateFile: string
  readonly privateKeyFile: string
  /** Set: callers must present a certificate that one of these authorities signed. */
  readonly clientCaFile?: string
}

/** Verbosity, how identifiers appear in logs, and whether a decision line says where a request came from. */
export interface LogSettings {
  readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  readonly deviceIds: 'full' | 'hash' | 'none'
  readonly hasRequestContext: boolean
}

/** How the network is reached, as the operator gave it: checked, and never printed, because it may hold a password. */
export interface ProxySettings {
  readonly httpsProxy?: string
  readonly noProxy?: string
}

/** Kept apart from the settings so that printing or logging those can never leak one. */
export interface Secrets {
  readonly privateKeyPassphrase?: string
}
