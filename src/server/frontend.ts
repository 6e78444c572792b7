import type { FastifyBaseLogger, FastifyPluginCallback } from 'fastify'
import type { Decide, FrontendName } from '../decision/decide.ts'
import type { Authenticate } from './authentication.ts'

/** What every front end is given. */
export interface FrontendOptions {
  readonly decide: Decide
  readonly authenticate: Authenticate
  readonly logger: FastifyBaseLogger
}

/** One dialect: a Fastify plugin with error and not-found answers of its own, mounted below its prefix. */
export interface Frontend {
  readonly name: FrontendName
  readonly prefix: string
  readonly plugin: FastifyPluginCallback<FrontendOptions>
}
