import { z } from 'zod'
import { type Fault, failure } from '../errors/fault.ts'

/** The application permission of the Microsoft Intune API that allows compliance queries. */
const REQUIRED_ROLE = 'get_device_compliance'

const Claims = z.object({ roles: z.array(z.unknown()).default([]) })

/**
 * Entra ID issues a token even when the permission was never granted; the claim `roles` then lacks it, or is not
 * there. Gives the fault `token_role_missing` in that case. Nothing is verified: the token is the peer's business, and
 * one that cannot be read (opaque, encrypted) is used as it is.
 */
export function findMissingRole(token: string): Fault | undefined {
  const claims = Claims.safeParse(decodeClaims(token)).data
  if (!claims || claims.roles.includes(REQUIRED_ROLE)) return undefined
  return failure('token_role_missing', `the token for Intune does not carry the role ${REQUIRED_ROLE}`).fault
}

function decodeClaims(token: string): unknown {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  try {
    return JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
