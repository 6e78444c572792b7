import type { FastifyBaseLogger, FastifyPluginCallback } from 'fastify'
import type { Decide, FrontendName } from '../decision/decide.ts'
import type { NoncompliantDevices } from '../decision/noncompliant-devices.ts'
import type { FaultCode } from '../errors/catalogue.ts'
import type { DecisionTrace } from '../trace/decision-trace.ts'
import type { NoteAction } from './action-hook.ts'
import type { AnswerTogether } from './answer-together.ts'
import type { Authenticate } from './authentication.ts'

/** How a decision came about, where it was made for this client and is still remembered. */
export type FindDecision = (client: string, decisionId: string) => Promise<DecisionTrace | undefined>

/** What every front end is given. */
export interface FrontendOptions {
  readonly decide: Decide
  readonly answerTogether: AnswerTogether
  readonly authenticate: Authenticate
  readonly logger: FastifyBaseLogger
  /** True while new requests are better refused; absent: never. */
  readonly isOverloaded?: () => boolean
  /** Called for every request that is refused before it is read. */
  readonly onRefused?: (frontend: FrontendName, code: FaultCode) => void
  /** Absent: nobody keeps what operators do. */
  readonly onAction?: NoteAction
  /** Absent: no decision is remembered. */
  readonly findDecision?: FindDecision
  /** Absent: no front end plays an MDM server. */
  readonly mdmServer?: MdmServer
}

/** What a front end that plays an MDM server says of the service, and the list that its callers poll. */
export interface MdmServer {
  /** Page for end users that enrols or repairs a device. */
  readonly redirectUrl: string
  /** Path below which a reverse proxy publishes the service, `/nac` for example; empty for none. */
  readonly pathPrefix: string
  readonly productVersion: string
  readonly noncompliantDevices: NoncompliantDevices
}

/** One dialect: a Fastify plugin with error and not-found answers of its own, mounted below its prefix. */
export interface Frontend {
  readonly name: FrontendName
  readonly prefix: string
  readonly plugin: FastifyPluginCallback<FrontendOptions>
}
