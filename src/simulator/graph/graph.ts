import { audienceOf } from '../entra/resource.ts'
import type { Exchange, SimulatedCloud, SimulatedService, WireReply } from '../exchange.ts'
import { answerEndpoints, matchEndpoints } from './endpoints.ts'
import { presentGraphError } from './graph-error.ts'
import { answerManagedDevices, describeManagedDevices, matchManagedDevices } from './managed-devices.ts'

/** Microsoft Graph, as far as a NAC product needs it: service discovery and managed devices. */
export function createGraph(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf(exchange) {
      if (matchEndpoints(exchange)) return 'discovery'
      return matchManagedDevices(exchange) ? 'details' : 'other'
    },
    describe(exchange) {
      const call = matchManagedDevices(exchange)
      return call ? describeManagedDevices(call, exchange, cloud) : { subject: {}, names: () => [] }
    },
    answer: (exchange) => answerGraph(exchange, cloud),
  }
}

async function answerGraph(exchange: Exchange, cloud: SimulatedCloud): Promise<WireReply> {
  const fail = (status: number, code: string, message: string) =>
    presentGraphError(status, code, message, exchange, cloud)
  const endpoints = matchEndpoints(exchange)
  const managedDevices = matchManagedDevices(exchange)
  if (!endpoints && !managedDevices) return fail(400, 'BadRequest', 'Resource not found for the segment.')
  if (exchange.method !== 'GET') {
    return fail(405, 'Request_BadRequest', 'Specified HTTP method is not allowed.')
  }
  const token = await cloud.tokens.read(exchange.headers.authorization)
  if (!token.valid) return fail(401, 'InvalidAuthenticationToken', tokenProblems[token.problem])
  if (audienceOf(token.audience, cloud) !== 'graph') {
    return fail(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.')
  }
  if (endpoints) return answerEndpoints(endpoints, token.roles, exchange, cloud)
  return managedDevices
    ? answerManagedDevices(managedDevices, token.roles, exchange, cloud)
    : fail(400, 'BadRequest', 'Resource not found for the segment.')
}

const tokenProblems = {
  missing: 'Access token is empty.',
  malformed: 'IDX14100: JWT is not well formed.',
  expired: 'Lifetime validation failed, the token is expired.',
} as const
