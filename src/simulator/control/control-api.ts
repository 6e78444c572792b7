import type { FastifyInstance } from 'fastify'
import { ZodError, z } from 'zod'
import type { SimulatedCloud } from '../exchange.ts'
import { parseScenario } from '../scenario/parse-scenario.ts'
import type { ScenarioInput } from '../scenario/scenario.ts'
import { appSchema } from '../state/apps.ts'
import { type DeviceInput, type DevicePatch, deviceSchema } from '../state/devices.ts'
import { faultSchema, hops } from '../state/faults.ts'
import { problemsOf } from '../state/problems.ts'
import type { MoveInput } from '../state/scale-unit.ts'
import { UnknownItemError } from '../state/unknown-item-error.ts'
import type { VariantsInput } from '../state/variants.ts'

const objectBody = z.record(z.string(), z.unknown())
const listBody = z.array(z.unknown())
/** Some 20,000 devices with everything that is known of them. */
const largeBodyBytes = 64 * 1024 * 1024
const requestsQuery = z.strictObject({ hop: z.enum(hops).optional() })

/**
 * The in-process state over HTTP, JSON in and out, under `/control`. No credentials: it is meant for loopback and for
 * test networks. 400 names every wrong field, 404 a missing item.
 */
export function registerControlApi(
  app: FastifyInstance,
  cloud: SimulatedCloud,
  caCertificatePem: string,
): void {
  const { tenant } = cloud.state

  app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
    if (error instanceof ZodError)
      return reply.code(400).send({ error: 'invalid_request', problems: problemsOf(error) })
    if (error instanceof UnknownItemError)
      return reply.code(404).send({ error: 'not_found', message: error.message })
    const status = error.statusCode ?? 500
    return reply
      .code(status)
      .send({ error: status === 500 ? 'internal' : 'invalid_request', message: error.message })
  })

  app.get('/', async () => ({
    origin: cloud.origin,
    tenantId: cloud.tenantId,
    tenantDomain: cloud.tenantDomain,
    requestCounts: tenant.requestCounts(),
  }))
  app.get('/ca.pem', async (_request, reply) =>
    reply.header('content-type', 'application/x-pem-file').send(caCertificatePem),
  )
  app.post('/reset', async (_request, reply) => {
    tenant.reset()
    return reply.code(204).send()
  })

  app.get('/apps', async () => tenant.listApps())
  app.put<{ Params: { clientId: string } }>('/apps/:clientId', async ({ params, body }) =>
    tenant.registerApp(appSchema.parse(withId(body, 'clientId', params.clientId))),
  )
  app.delete<{ Params: { clientId: string } }>('/apps/:clientId', async ({ params }, reply) => {
    required(tenant.removeApp(params.clientId), `app ${params.clientId}`)
    return reply.code(204).send()
  })

  app.get('/devices', async () => tenant.listDevices())
  app.put('/devices', { bodyLimit: largeBodyBytes }, async ({ body }) => ({
    // The inventory checks every device.
    devices: tenant.putDevices(listBody.parse(body) as DeviceInput[]).length,
  }))
  app.put<{ Params: { deviceId: string } }>('/devices/:deviceId', async ({ params, body }) =>
    tenant.putDevice(deviceSchema.parse(withId(body, 'deviceId', params.deviceId))),
  )
  app.patch<{ Params: { deviceId: string } }>('/devices/:deviceId', async ({ params, body }) =>
    // The inventory checks the device as it is after the patch; checking the patch alone would fill in the defaults.
    tenant.patchDevice(params.deviceId, withId(body, 'deviceId', params.deviceId) as DevicePatch),
  )
  app.delete<{ Params: { deviceId: string } }>('/devices/:deviceId', async ({ params }, reply) => {
    required(tenant.removeDevice(params.deviceId), `device ${params.deviceId}`)
    return reply.code(204).send()
  })

  app.get('/variants', async () => tenant.variants())
  app.patch('/variants', async ({ body }) => tenant.setVariants(objectBody.parse(body) as VariantsInput))
  app.delete('/variants', async () => tenant.resetVariants())

  app.post('/scale-unit', async ({ body }) => tenant.moveScaleUnit(objectBody.parse(body || {}) as MoveInput))
  app.post('/scenario', { bodyLimit: largeBodyBytes }, async ({ body }, reply) => {
    if (typeof body !== 'string') return tenant.applyScenario(objectBody.parse(body) as ScenarioInput)
    const parsed = parseScenario(body)
    if (parsed.ok) return tenant.applyScenario(parsed.scenario)
    return reply.code(400).send({ error: 'invalid_request', problems: parsed.problems })
  })

  app.get('/faults', async () => tenant.listFaults())
  app.post('/faults', async ({ body }, reply) => {
    const id = tenant.setFault(faultSchema.parse(body))
    return reply.code(201).send({ id })
  })
  app.delete('/faults', async (_request, reply) => {
    tenant.clearFaults()
    return reply.code(204).send()
  })
  app.delete<{ Params: { id: string } }>('/faults/:id', async ({ params }, reply) => {
    required(tenant.clearFault(params.id), `fault ${params.id}`)
    return reply.code(204).send()
  })

  app.get('/requests', async ({ query }) => tenant.requests(requestsQuery.parse(query).hop))
  app.get('/requests/counts', async () => tenant.requestCounts())
  app.delete('/requests', async (_request, reply) => {
    tenant.clearRequests()
    return reply.code(204).send()
  })

  // A route and not a not-found handler: the server's last resort is Intune's 404, which would be recorded.
  app.all('/*', async (_request, reply) =>
    reply.code(404).send({ error: 'not_found', message: 'The control API has no such route.' }),
  )
}

/** A body with the id of its path; a different id in the body is a mistake. */
function withId(body: unknown, field: string, id: string): Record<string, unknown> {
  const item = objectBody.parse(body)
  const given = item[field] ?? id
  if (typeof given !== 'string' || given.toLowerCase() !== id.toLowerCase()) {
    throw new ZodError([
      {
        code: 'custom',
        path: [field],
        message: 'must be left out or equal the id in the path',
        input: given,
      },
    ])
  }
  return { ...item, [field]: id }
}

function required(found: boolean, what: string): void {
  if (!found) throw new UnknownItemError(`The simulated tenant has no ${what}`)
}
