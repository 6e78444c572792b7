import type { FaultDescription } from '../fault-description.ts'

/**
 * What Entra ID answers in place of a token.
 * AADSTS numbers: Microsoft Entra "Authentication and authorization error codes"; a number is only ever a hint for the
 * remedy, the control flow follows HTTP and OAuth.
 */
export const entraFaults = {
  entra_app_not_found: {
    area: 'entra',
    meaning: 'Entra ID does not know this application in this tenant (AADSTS700016).',
    remedy: 'Check INTUNE_CLIENT_ID (Application (client) ID, not the object id) and INTUNE_TENANT_ID.',
    retryable: false,
  },
  entra_certificate_not_registered: {
    area: 'entra',
    meaning: 'The certificate is not registered on the application (AADSTS700027).',
    remedy:
      'Upload the certificate under App registrations > your app > Certificates & secrets, then wait a minute.',
    retryable: false,
  },
  entra_certificate_expired: {
    area: 'entra',
    meaning: 'Entra ID says that the registered certificate has expired (AADSTS700027).',
    remedy:
      'Make a new certificate, upload it to the app registration, then replace the certificate and key files.',
    retryable: false,
  },
  entra_assertion_rejected: {
    area: 'entra',
    meaning: 'Entra ID refused the signed client assertion (AADSTS700027, 700021, 700023, 50013, 50027).',
    remedy:
      'Check that key and certificate belong together and that tenant, client id and cloud are the right ones.',
    retryable: false,
  },
  entra_clock_skew: {
    area: 'entra',
    meaning:
      'The client assertion is outside its time range (AADSTS700024): the clock of this machine is wrong.',
    remedy: 'Synchronise the clock (chrony, systemd-timesyncd) and try again.',
    retryable: false,
  },
  entra_credential_missing: {
    area: 'entra',
    meaning:
      'Entra ID found no client assertion in the request, or a client secret (AADSTS7000215, 7000216, 7000218, 7000222).',
    remedy:
      'The service authenticates with a certificate and nothing else: find out what rewrites its requests on the way (a proxy that inspects TLS).',
    retryable: false,
  },
  entra_tenant_not_found: {
    area: 'entra',
    meaning: 'Entra ID does not know this tenant (AADSTS90002, 900023).',
    remedy: 'Check INTUNE_TENANT_ID (GUID or verified domain) and INTUNE_CLOUD.',
    retryable: false,
  },
  entra_wrong_cloud: {
    area: 'entra',
    meaning: 'The tenant belongs to another national cloud (AADSTS90038, 900382).',
    remedy: 'Set INTUNE_CLOUD to the cloud of the tenant: public, usgov, usgov-dod or china.',
    retryable: false,
  },
  entra_app_disabled: {
    area: 'entra',
    meaning: 'The application is disabled in the tenant (AADSTS7000112).',
    remedy: 'Enable it under Enterprise applications > your app > Properties > Enabled for users to sign in.',
    retryable: false,
  },
  entra_service_principal_missing: {
    area: 'entra',
    meaning: 'The application exists but has no service principal in this tenant (AADSTS7000229, 7000217).',
    remedy: 'Grant admin consent to the application once; that creates its service principal.',
    retryable: false,
  },
  entra_resource_not_found: {
    area: 'entra',
    meaning: 'The API that the token is for does not exist in this tenant (AADSTS500011).',
    remedy: 'Check INTUNE_TOKEN_AUDIENCE and that the tenant has an Intune licence.',
    retryable: false,
  },
  entra_scope_invalid: {
    area: 'entra',
    meaning: 'Entra ID refused the requested scope (AADSTS70011, 1002012).',
    remedy:
      'INTUNE_TOKEN_AUDIENCE must be the resource URI with its trailing slash, for example https://api.manage.microsoft.com/.',
    retryable: false,
  },
  entra_blocked_by_policy: {
    area: 'entra',
    meaning: 'A Conditional Access policy for workload identities blocks the sign-in (AADSTS53003).',
    remedy: 'Exclude the application from the policy or allow the egress address of this service in it.',
    retryable: false,
  },
  entra_throttled: {
    area: 'entra',
    meaning: 'Entra ID asks us to slow down (HTTP 429, AADSTS90055).',
    remedy:
      'Nothing: the service waits as long as it was asked to. If it lasts, look for another client with the same app id.',
    retryable: true,
  },
  entra_unavailable: {
    area: 'entra',
    meaning: 'Entra ID answers with a server error (HTTP 5xx, AADSTS90033).',
    remedy: 'Nothing: the service keeps its token and tries again. See the Microsoft service health page.',
    retryable: true,
  },
  entra_rejected: {
    area: 'entra',
    meaning: 'Entra ID refused the token request for a reason without a code of its own here.',
    remedy: 'Look the AADSTS number up at https://login.microsoftonline.com/error?code=NUMBER.',
    retryable: false,
  },
  entra_reply_malformed: {
    area: 'entra',
    meaning: 'The answer of the token endpoint is not what Entra ID sends.',
    remedy: 'Check INTUNE_TOKEN_ISSUING_URL and whether a proxy answers in place of Entra ID.',
    retryable: true,
  },
  token_role_missing: {
    area: 'entra',
    meaning:
      'The token does not carry the role get_device_compliance: the permission or its admin consent is missing.',
    remedy:
      'App registrations > your app > API permissions > Intune > Application permissions > get_device_compliance, then Grant admin consent.',
    retryable: false,
  },
} as const satisfies Record<string, FaultDescription>
