import { decodeJwt } from 'jose'
import { z } from 'zod'
import { faultCatalogue } from '../errors/catalogue.ts'
import { createTokenSource, type TokenSource, type TokenSourceOptions } from '../intune/entra-token.ts'
import type { Finding } from './step-runner.ts'

const Claims = z.object({ roles: z.array(z.string()).default([]).catch([]) })

/** Either permission lets an application read managed devices (Graph "List managedDevices"). */
const DETAILS_ROLES = [
  'DeviceManagementManagedDevices.Read.All',
  'DeviceManagementManagedDevices.ReadWrite.All',
]

/** Gets one token the way the service does and says which roles it carries. Faults: those of the token source. */
export async function checkToken(
  options: Omit<TokenSourceOptions, 'onBackgroundFailure'>,
): Promise<Finding<TokenSource>> {
  const source = createTokenSource({ ...options, onBackgroundFailure: () => undefined })
  const token = await source.get()
  if (!token.ok) return { result: 'fail', fault: token.fault }
  return { result: 'ok', detail: describeRoles(readRoles(token.value)), value: source }
}

/** The same for Graph; with details switched on, a token that cannot read managed devices is a warning. */
export async function checkGraphToken(
  options: Omit<TokenSourceOptions, 'onBackgroundFailure'>,
  withDetails: boolean,
): Promise<Finding<TokenSource>> {
  let roles: readonly string[] | undefined
  const inspect = (token: string) => {
    roles = readRoles(token)
    return undefined
  }
  const finding = await checkToken({ ...options, inspect })
  if (finding.result !== 'ok' || !withDetails || !roles) return finding
  if (DETAILS_ROLES.some((role) => roles?.includes(role))) return finding
  const detail = `${finding.detail}; INTUNE_GRAPH_DETAILS is on, but it may not read managed devices`
  return { result: 'warn', detail, remedy: faultCatalogue.details_forbidden.remedy, value: finding.value }
}

/** Undefined for an opaque token. Nothing is verified: the token is the peer's business. */
function readRoles(token: string): readonly string[] | undefined {
  try {
    const { roles } = Claims.parse(decodeJwt(token))
    return roles.filter((role) => /^[\w.-]{1,80}$/.test(role))
  } catch {
    return undefined
  }
}

function describeRoles(roles: readonly string[] | undefined): string {
  if (!roles) return 'received; it is opaque, so its roles cannot be read'
  return roles.length === 0 ? 'received; it carries no role' : `received; roles: ${roles.join(', ')}`
}
