import type { Server } from 'node:https'
import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import { createKeySet, createOpenidConfiguration } from './entra/openid-documents.ts'
import { createTokenEndpoint } from './entra/token-endpoint.ts'
import type { SimulatedCloud } from './exchange.ts'
import { createAadGraph } from './graph/aad-graph.ts'
import { createGraph } from './graph/graph.ts'
import { createIntune } from './intune/intune.ts'
import { serve } from './serve.ts'
import type { SimulatorTls } from './tls.ts'

/** An HTTPS server that matches paths as Microsoft's do: any case, repeated slashes, with or without the last one. */
export function createHttpsServer(
  { certificatePem, privateKeyPem }: SimulatorTls,
  logger: FastifyBaseLogger | undefined,
): FastifyInstance<Server> {
  const app = fastify({
    https: { cert: certificatePem, key: privateKeyPem },
    routerOptions: {
      caseSensitive: false,
      ignoreDuplicateSlashes: true,
      ignoreTrailingSlash: true,
      maxParamLength: 500,
    },
    exposeHeadRoutes: false,
    // A client that hangs on purpose must not hold up the end of a test.
    forceCloseConnections: true,
    ...(logger ? { loggerInstance: logger } : {}),
  })
  // curl users set the type once for all of their calls, also for those that have nothing to say.
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, body: string) => {
      if (body.trim() === '') return undefined
      try {
        return JSON.parse(body) as unknown
      } catch {
        throw Object.assign(new Error('The body is not valid JSON.'), { statusCode: 400 })
      }
    },
  )
  app.addContentTypeParser(
    ['application/x-www-form-urlencoded', '*'],
    { parseAs: 'string' },
    async (_request: unknown, body: string) => body,
  )
  return app
}

/** Entra ID, Graph and Intune on one origin; whatever no other service knows is Intune's to refuse. */
export function registerServices(
  app: FastifyInstance<Server>,
  cloud: SimulatedCloud,
  closing: AbortSignal,
): void {
  app.addHook('onRequest', (_request, reply, done) => {
    // Node would tell the time of this machine, which need not be that of the simulated cloud.
    reply.raw.setHeader('date', new Date(cloud.clock.nowMs()).toUTCString())
    done()
  })
  app.get(
    '/:tenant/v2.0/.well-known/openid-configuration',
    serve(createOpenidConfiguration(cloud), cloud, closing),
  )
  app.get('/:tenant/discovery/v2.0/keys', serve(createKeySet(cloud), cloud, closing))
  const token = serve(createTokenEndpoint(cloud), cloud, closing)
  app.post('/:tenant/oauth2/token', token)
  app.post('/:tenant/oauth2/v2.0/token', token)
  app.all(
    '/:tenant/servicePrincipalsByAppId/:appId/serviceEndpoints',
    serve(createAadGraph(cloud), cloud, closing),
  )
  const graph = serve(createGraph(cloud), cloud, closing)
  app.all('/v1.0/*', graph)
  app.all('/beta/*', graph)
  app.all('*', serve(createIntune(cloud), cloud, closing))
}
