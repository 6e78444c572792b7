import { jsonReply, type SimulatedCloud, type SimulatedService } from '../exchange.ts'
import { cloudOf } from '../national-clouds.ts'
import { presentRefusal } from './entra-error.ts'
import { refuseTenant, tenantOf } from './tenant-path.ts'

/** The OpenID Connect metadata document of the tenant (OpenID Connect Discovery 1.0), with the members MSAL reads. */
export function createOpenidConfiguration(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf: () => 'openid',
    describe: () => ({ subject: {}, names: () => [] }),
    answer(exchange) {
      const refusal = refuseTenant(exchange, cloud)
      if (refusal) {
        const reply = presentRefusal(refusal, cloud.clock.nowMs(), exchange.clientRequestId)
        // The token endpoint says invalid_request here; the metadata endpoint has a name of its own.
        return { ...reply, body: JSON.stringify({ ...JSON.parse(reply.body), error: 'invalid_tenant' }) }
      }
      const base = `${cloud.origin}/${tenantOf(exchange.path)}`
      const { cloudInstanceName, aadGraphResources, graphResource } = cloudOf(cloud.state.tenant.variants())
      return jsonReply(200, {
        token_endpoint: `${base}/oauth2/v2.0/token`,
        token_endpoint_auth_methods_supported: [
          'client_secret_post',
          'private_key_jwt',
          'client_secret_basic',
        ],
        jwks_uri: `${base}/discovery/v2.0/keys`,
        response_modes_supported: ['query', 'fragment', 'form_post'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
        scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
        issuer: `${cloud.origin}/${cloud.tenantId}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        end_session_endpoint: `${base}/oauth2/v2.0/logout`,
        tenant_region_scope: 'OC',
        cloud_instance_name: cloudInstanceName,
        cloud_graph_host_name: new URL(aadGraphResources[0] ?? graphResource).host,
        msgraph_host: new URL(graphResource).host,
      })
    },
  }
}

/** The public keys that the tenant's tokens are signed with (RFC 7517). */
export function createKeySet(cloud: SimulatedCloud): SimulatedService {
  return {
    hopOf: () => 'keys',
    describe: () => ({ subject: {}, names: () => [] }),
    answer(exchange) {
      const refusal = refuseTenant(exchange, cloud)
      if (refusal) return presentRefusal(refusal, cloud.clock.nowMs(), exchange.clientRequestId)
      return jsonReply(200, { keys: [cloud.tokens.publicJwk] })
    },
  }
}
