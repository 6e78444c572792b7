import { createHash, generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { errors, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../clock.ts'

/** Who a token is for and what it allows. */
export interface TokenGrant {
  readonly tenantId: string
  /** Origin of the `iss` claim. */
  readonly issuerOrigin: string
  readonly clientId: string
  readonly objectId: string
  /** The `aud` claim, to the letter. */
  readonly audience: string
  readonly roles: readonly string[]
  readonly lifetimeSeconds: number
}

/** A token as a resource reads it from the Authorization header. */
export type ReadToken =
  | { readonly valid: true; readonly audience: string; readonly roles: readonly string[] }
  | { readonly valid: false; readonly problem: 'missing' | 'malformed' | 'expired' }

/** Signs and checks access tokens with a key of its own. */
export interface TokenIssuer {
  /** A v1-format app-only token; times are seconds since the epoch. */
  issue(grant: TokenGrant): Promise<{ token: string; notBefore: number; expiresOn: number }>
  /** Reads `Bearer <token>`: signature and lifetime are checked, without any tolerance. */
  read(authorization: string | undefined): Promise<ReadToken>
  /** The public key, as the JWKS document lists it. */
  readonly publicJwk: JWK
}

/** Entra sets `nbf` and `iat` this far back, so that a resource with a slow clock takes the token. */
const backdatedSeconds = 300

/** Clients send the same token with every query of a storm, and checking its signature is the dearest part of one. */
const rememberedTokens = 1000

/** Makes an issuer with a fresh RSA key. */
export async function createTokenIssuer(clock: Clock): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const keyId = createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  const verified = new Map<string, { readonly read: ReadToken; readonly expiresAtMs: number }>()

  return {
    publicJwk: { ...(await exportJWK(publicKey)), kid: keyId, x5t: keyId, use: 'sig', alg: 'RS256' },

    async issue({ tenantId, issuerOrigin, clientId, objectId, audience, roles, lifetimeSeconds }) {
      const nowSeconds = Math.floor(clock.nowMs() / 1000)
      const notBefore = nowSeconds - backdatedSeconds
      const expiresOn = nowSeconds + lifetimeSeconds
      const issuer = `${issuerOrigin}/${tenantId}/`
      const claims = {
        aud: audience,
        iss: issuer,
        iat: notBefore,
        nbf: notBefore,
        exp: expiresOn,
        aio: randomBytes(24).toString('base64'),
        appid: clientId,
        // 2: the client proved itself with a certificate.
        appidacr: '2',
        idp: issuer,
        idtyp: 'app',
        oid: objectId,
        rh: `1.${randomBytes(32).toString('base64url')}.`,
        // Without a consented role Entra still issues the token; the claim is then not there at all.
        ...(roles.length > 0 && { roles }),
        sub: objectId,
        tid: tenantId,
        uti: randomBytes(16).toString('base64url'),
        ver: '1.0',
      }
      const token = await new SignJWT(claims)
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', x5t: keyId, kid: keyId })
        .sign(privateKey)
      return { token, notBefore, expiresOn }
    },

    async read(authorization) {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
      if (token === undefined) return { valid: false, problem: 'missing' }
      const known = verified.get(token)
      if (known !== undefined && clock.nowMs() < known.expiresAtMs) return known.read
      try {
        const { payload } = await jwtVerify(token, publicKey, {
          algorithms: ['RS256'],
          currentDate: new Date(clock.nowMs()),
        })
        const roles = Array.isArray(payload.roles) ? payload.roles : []
        const read: ReadToken = { valid: true, audience: String(payload.aud), roles: roles.map(String) }
        if (verified.size >= rememberedTokens) verified.clear()
        verified.set(token, { read, expiresAtMs: (payload.exp ?? 0) * 1000 })
        return read
      } catch (error) {
        return { valid: false, problem: error instanceof errors.JWTExpired ? 'expired' : 'malformed' }
      }
    },
  }
}
