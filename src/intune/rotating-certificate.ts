import { statSync } from 'node:fs'
import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import type { Fault, Outcome } from '../errors/fault.ts'
import {
  type CertificateFacts,
  type ClientCertificate,
  type ClientCertificateFiles,
  checkValidityPeriod,
  loadClientCertificate,
} from './client-certificate.ts'

/** Twice within 10 s: one look may come while the files are being replaced. */
const POLL_INTERVAL_MS = 4000
/** Entra ID takes about a minute to know a certificate that was just uploaded. */
const TRIAL_INTERVAL_MS = 60_000

/** What became of a change of the files. */
export type CertificateEvent =
  | { readonly kind: 'loaded' | 'in_use'; readonly certificate: CertificateFacts }
  | { readonly kind: 'files_refused'; readonly fault: Fault }
  | { readonly kind: 'not_accepted'; readonly certificate: CertificateFacts; readonly fault: Fault }

/** The state of the certificate, for metrics, health and doctor. */
export interface CertificateStatus {
  /** What tokens are asked for with. */
  readonly inUse: CertificateFacts
  /** The pair on disk that Entra ID has not accepted yet. */
  readonly pending?: CertificateFacts
  /** Why the last change of the files was refused; gone with the next good pair. */
  readonly filesFault?: Fault
  /** Why Entra ID did not accept the pending certificate at the last attempt. */
  readonly trialFault?: Fault
}

export interface RotatingCertificateOptions {
  readonly files: ClientCertificateFiles
  /** The pair that was loaded at the start. */
  readonly initial: ClientCertificate
  readonly clock: Clock
  /** Asks Entra ID for a token with a certificate, for nothing but to see whether it is accepted. */
  readonly tryOut: (certificate: ClientCertificate) => Promise<Outcome<unknown>>
  readonly onEvent: (event: CertificateEvent) => void
}

/**
 * Follows the certificate and key files. They are looked at every ten seconds, which also works where no file events
 * do (NFS, the symbolic links of Kubernetes). A new pair is first tried out: only a certificate that Entra ID has
 * accepted replaces the one in use, so a pair that is broken, half written or not uploaded yet fails no decision. The
 * one exception is an old certificate that has expired: it is of no use to anybody.
 */
export class RotatingCertificate {
  readonly #options: RotatingCertificateOptions
  #inUse: ClientCertificate
  #pending: ClientCertificate | undefined
  #filesFault: Fault | undefined
  #trialFault: Fault | undefined
  /** The state of the files that has been dealt with. */
  #seen: string
  /** Whether the last look found a pair that cannot be used: the other file of it may still be on its way. */
  #isSuspect = false
  /** On the monotonic clock. */
  #nextTrialAtMs = Number.NEGATIVE_INFINITY
  #trialUnderWay = false
  #cancelPoll = () => {}
  #isClosed = false

  constructor(options: RotatingCertificateOptions) {
    this.#options = options
    this.#inUse = options.initial
    this.#seen = this.#fingerprint()
  }

  /** Begins to look at the files; until `close`. */
  watch(): void {
    if (this.#isClosed) return
    this.#cancelPoll = this.#options.clock.after(POLL_INTERVAL_MS, () => {
      inBackground(
        'client_certificate',
        () => this.poll(),
        () => this.watch(),
      )
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancelPoll()
  }

  /** The certificate to ask for tokens with. */
  current(): ClientCertificate {
    return this.#inUse
  }

  status(): CertificateStatus {
    return {
      inUse: this.#inUse,
      ...(this.#pending && { pending: this.#pending }),
      ...(this.#filesFault && { filesFault: this.#filesFault }),
      ...(this.#trialFault && { trialFault: this.#trialFault }),
    }
  }

  /** Looks at the files once, and tries a pending certificate where that is due. Never throws. */
  poll(): void {
    const found = this.#fingerprint()
    if (found !== this.#seen) this.#reload(found)
    const pending = this.#pending
    if (pending && this.#options.clock.monotonicMs() >= this.#nextTrialAtMs)
      inBackground('client_certificate', () => this.#tryPending(pending))
  }

  #reload(found: string): void {
    const loaded = loadClientCertificate(this.#options.files)
    // Replaced while being read: the two may be of different pairs. The next look will see the end of it.
    if (this.#fingerprint() !== found) return
    if (!loaded.ok) {
      // Whether they have been touched since says nothing: who touches them again and again must not keep it unsaid.
      if (!this.#isSuspect) {
        this.#isSuspect = true
        return
      }
      this.#seen = found
      const isKnown = this.#filesFault?.message === loaded.fault.message
      this.#filesFault = loaded.fault
      if (!isKnown) this.#options.onEvent({ kind: 'files_refused', fault: loaded.fault })
      return
    }
    this.#seen = found
    this.#isSuspect = false
    this.#filesFault = undefined
    this.#trialFault = undefined
    this.#pending = undefined
    const certificate = loaded.value
    if (certificate.thumbprintSha256 === this.#inUse.thumbprintSha256) return
    this.#pending = certificate
    this.#nextTrialAtMs = Number.NEGATIVE_INFINITY
    this.#options.onEvent({ kind: 'loaded', certificate })
    const nowMs = this.#options.clock.nowMs()
    if (nowMs > this.#inUse.notAfterMs && checkValidityPeriod(certificate, nowMs).ok) this.#use(certificate)
  }

  async #tryPending(certificate: ClientCertificate): Promise<void> {
    if (this.#trialUnderWay) return
    this.#trialUnderWay = true
    this.#nextTrialAtMs = this.#options.clock.monotonicMs() + TRIAL_INTERVAL_MS
    const outcome = await this.#options.tryOut(certificate).finally(() => {
      this.#trialUnderWay = false
    })
    // The files may have been replaced again in the meantime.
    if (this.#pending !== certificate) return
    if (outcome.ok) return this.#use(certificate)
    this.#trialFault = outcome.fault
    this.#options.onEvent({ kind: 'not_accepted', certificate, fault: outcome.fault })
  }

  #use(certificate: ClientCertificate): void {
    this.#inUse = certificate
    this.#pending = undefined
    this.#trialFault = undefined
    this.#options.onEvent({ kind: 'in_use', certificate })
  }

  /** Differs whenever one of the files was written, replaced or removed; `cp -p` keeps mtime, but not ctime. */
  #fingerprint(): string {
    const { certificateFile, privateKeyFile } = this.#options.files
    return [certificateFile, privateKeyFile].map(describeFile).join(' ')
  }
}

function describeFile(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch {
    // Loading it says what is wrong.
    return 'none'
  }
}
