import type { FaultDescription } from '../fault-description.ts'

/** What can go wrong while Graph is asked where the Intune service is. */
export const discoveryFaults = {
  discovery_unauthorized: {
    area: 'discovery',
    meaning: 'Microsoft Graph refused the token (HTTP 401).',
    remedy: 'Check that INTUNE_AUTO_DISCOVERY_URL and INTUNE_TOKEN_ISSUING_URL belong to the same cloud.',
    retryable: true,
  },
  discovery_forbidden: {
    area: 'discovery',
    meaning: 'Microsoft Graph says that the application may not read service endpoints (HTTP 403).',
    remedy:
      'App registrations > your app > API permissions > Microsoft Graph > Application permissions > Application.Read.All, then Grant admin consent.',
    retryable: false,
  },
  discovery_service_missing: {
    area: 'discovery',
    meaning: 'The tenant has no Intune service principal (HTTP 404 from Graph).',
    remedy:
      'Check that the tenant has an Intune licence and that INTUNE_AUTO_DISCOVERY_URL is the Graph host.',
    retryable: false,
  },
  discovery_throttled: {
    area: 'discovery',
    meaning: 'Microsoft Graph asks us to slow down (HTTP 429).',
    remedy: 'Nothing: the service waits as long as it was asked to.',
    retryable: true,
  },
  discovery_unavailable: {
    area: 'discovery',
    meaning: 'Microsoft Graph answers with a server error (HTTP 5xx).',
    remedy: 'Nothing: the service tries again. See the Microsoft service health page.',
    retryable: true,
  },
  discovery_rejected: {
    area: 'discovery',
    meaning: 'Microsoft Graph refused the discovery request for a reason without a code of its own here.',
    remedy:
      'Check INTUNE_AUTO_DISCOVERY_URL; it is the Graph host alone, for example https://graph.microsoft.com.',
    retryable: false,
  },
  discovery_reply_malformed: {
    area: 'discovery',
    meaning: 'The answer of Graph is not a list of service endpoints.',
    remedy: 'Check INTUNE_AUTO_DISCOVERY_URL and whether a proxy answers in place of Graph.',
    retryable: true,
  },
  discovery_endpoint_missing: {
    area: 'discovery',
    meaning: 'The tenant lists no service that INTUNE_API can use.',
    remedy:
      'Check that the tenant has Intune, and INTUNE_API; the wanted rows are ComplianceRetrievalService and NACAPIService.',
    retryable: false,
  },
  discovery_host_refused: {
    area: 'discovery',
    meaning: 'Discovery named a host outside the allow-list; no token was sent to it.',
    remedy:
      'If the host really is Intune, add its suffix to INTUNE_ALLOWED_HOSTS. If not, find out who answered for Graph.',
    retryable: false,
  },
} as const satisfies Record<string, FaultDescription>
