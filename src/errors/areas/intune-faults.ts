import type { FaultDescription } from '../fault-description.ts'

/** What can go wrong with the question to Intune, and with the one to Graph about details of a device. */
export const intuneFaults = {
  intune_unauthorized: {
    area: 'intune',
    meaning: 'Intune refused the token twice, the second time a fresh one (HTTP 401).',
    remedy: 'Check INTUNE_TOKEN_AUDIENCE: it must be the Intune API of the cloud, with its trailing slash.',
    retryable: false,
  },
  intune_forbidden: {
    area: 'intune',
    meaning: 'Intune says that the application may not ask (HTTP 403).',
    remedy:
      'App registrations > your app > API permissions > Intune > Application permissions > get_device_compliance, then Grant admin consent.',
    retryable: false,
  },
  intune_rejected: {
    area: 'intune',
    meaning: 'Intune refused the query (HTTP 4xx).',
    remedy: 'Report it with the request id: the service sent something that this Intune does not accept.',
    retryable: false,
  },
  intune_endpoint_gone: {
    area: 'intune',
    meaning: 'The discovered address does not serve this API any more (HTTP 404 or 410).',
    remedy: 'Nothing at first: the service discovers the address again. If it lasts, check INTUNE_API.',
    retryable: true,
  },
  intune_throttled: {
    area: 'intune',
    meaning: 'Intune asks us to slow down (HTTP 429).',
    remedy: 'Nothing: the service waits as long as it was asked to and answers from what it remembers.',
    retryable: true,
  },
  intune_unavailable: {
    area: 'intune',
    meaning: 'Intune answers with a server error (HTTP 5xx).',
    remedy:
      'Nothing: the service answers from what it remembers and tries again. See the Microsoft service health page.',
    retryable: true,
  },
  intune_reply_malformed: {
    area: 'intune',
    meaning: 'The reply of Intune could not be understood, so nothing was concluded from it.',
    remedy:
      'Report it with the request id; if a proxy sits in between, check that it does not alter replies.',
    retryable: true,
  },
  intune_reply_mismatch: {
    area: 'intune',
    meaning: 'The reply is about another device than the one that was asked for, so it was not used.',
    remedy:
      'Report it with the request id; if a caching proxy sits in between, exempt the Intune hosts from it.',
    retryable: true,
  },
  intune_queue_full: {
    area: 'intune',
    meaning:
      'So many questions of this client wait for Intune already that another one would not be answered in time.',
    remedy:
      'Nothing: what is remembered is answered meanwhile, and other clients have lines of their own. If it lasts, Intune is slow, or the client asks about far more devices than usual; see nac_upstream_waiting.',
    retryable: true,
  },
  details_unauthorized: {
    area: 'intune',
    meaning: 'Microsoft Graph refused the token for managed devices (HTTP 401).',
    remedy: 'Check that INTUNE_AUTO_DISCOVERY_URL and INTUNE_TOKEN_ISSUING_URL belong to the same cloud.',
    retryable: false,
  },
  details_forbidden: {
    area: 'intune',
    meaning: 'Microsoft Graph says that the application may not read managed devices (HTTP 403).',
    remedy:
      'App registrations > your app > API permissions > Microsoft Graph > Application permissions > DeviceManagementManagedDevices.Read.All, then Grant admin consent; or set INTUNE_GRAPH_DETAILS=off.',
    retryable: false,
  },
  details_throttled: {
    area: 'intune',
    meaning: 'Microsoft Graph asks us to slow down with managed devices (HTTP 429).',
    remedy: 'Nothing: answers come without details for as long as Graph asked.',
    retryable: true,
  },
  details_unavailable: {
    area: 'intune',
    meaning: 'Microsoft Graph answers a query of managed devices with a server error (HTTP 5xx).',
    remedy: 'Nothing: answers come without details until it is over. See the Microsoft service health page.',
    retryable: true,
  },
  details_rejected: {
    area: 'intune',
    meaning: 'Microsoft Graph refused a query of managed devices (HTTP 4xx).',
    remedy: 'Report it with the request id: the service sent something that this Graph does not accept.',
    retryable: false,
  },
  details_reply_malformed: {
    area: 'intune',
    meaning: 'The answer of Graph is not a managed device, so nothing was concluded from it.',
    remedy:
      'Report it with the request id; if a proxy sits in between, check that it does not alter replies.',
    retryable: true,
  },
} as const satisfies Record<string, FaultDescription>
