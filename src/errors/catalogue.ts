/**
 * The closed list of everything that can go wrong, each with what it means, what to do about it and whether asking
 * again can help. docs/error-codes.md is generated from it. AADSTS numbers: Microsoft Entra "Authentication and
 * authorization error codes"; a number is only ever a hint for the remedy, the control flow follows HTTP and OAuth.
 */
export interface FaultDescription {
  readonly area: 'configuration' | 'network' | 'entra' | 'discovery' | 'intune' | 'caller' | 'service'
  readonly meaning: string
  readonly remedy: string
  /** True where the same question may succeed later without anyone acting. */
  readonly retryable: boolean
}

const described = {
  // ---- the service's own set-up
  configuration_invalid: {
    area: 'configuration',
    meaning: 'One or more settings are missing or wrong.',
    remedy: 'Correct every variable that the message lists, then start again.',
    retryable: false,
  },
  certificate_unreadable: {
    area: 'configuration',
    meaning: 'The certificate file cannot be read or is not a PEM certificate.',
    remedy:
      'Point INTUNE_CERTIFICATE_FILE at a PEM file that starts with -----BEGIN CERTIFICATE----- and that the service user may read.',
    retryable: false,
  },
  private_key_unreadable: {
    area: 'configuration',
    meaning:
      'The private key file cannot be read, is not a PEM RSA key, or its passphrase is wrong or missing.',
    remedy:
      'Point INTUNE_PRIVATE_KEY_FILE at the PEM key (PKCS#8 or PKCS#1) and set INTUNE_PRIVATE_KEY_PASSPHRASE if it is encrypted.',
    retryable: false,
  },
  certificate_key_mismatch: {
    area: 'configuration',
    meaning: 'The private key does not belong to the certificate.',
    remedy:
      'Use the key that the certificate was made with; the first certificate in INTUNE_CERTIFICATE_FILE must be the leaf.',
    retryable: false,
  },
  certificate_expired: {
    area: 'configuration',
    meaning: 'The certificate that authenticates the service to Entra ID has expired.',
    remedy:
      'Make a new certificate, upload it to the app registration, then replace the certificate and key files.',
    retryable: false,
  },
  certificate_not_yet_valid: {
    area: 'configuration',
    meaning: 'The certificate that authenticates the service to Entra ID is not valid yet.',
    remedy: 'Check the clock of this machine and the start date of the certificate.',
    retryable: false,
  },
  service_tls_unusable: {
    area: 'configuration',
    meaning: 'The certificate or the key with which the service itself serves HTTPS cannot be used.',
    remedy:
      'Point SERVICE_TLS_CERTIFICATE_FILE at a PEM certificate, leaf first and then its chain, and SERVICE_TLS_PRIVATE_KEY_FILE at its unencrypted PEM key.',
    retryable: false,
  },
  // ---- the network on the way to Microsoft
  name_not_resolved: {
    area: 'network',
    meaning: 'The host name could not be resolved.',
    remedy:
      'Check DNS on this machine, the spelling of the host, and whether a proxy (HTTPS_PROXY) is required.',
    retryable: true,
  },
  connection_refused: {
    area: 'network',
    meaning: 'The host refused the connection.',
    remedy:
      'Check the port and the firewall between this machine and the host, and HTTPS_PROXY if one is required.',
    retryable: true,
  },
  connection_failed: {
    area: 'network',
    meaning: 'The connection was reset, closed early or could not be made.',
    remedy: 'Check firewalls and proxies on the way; if it happens rarely, nothing needs to be done.',
    retryable: true,
  },
  upstream_timeout: {
    area: 'network',
    meaning: 'The host did not answer in time.',
    remedy:
      'Check the network path and the Microsoft service health page; raise nothing before you know which host is slow.',
    retryable: true,
  },
  proxy_refused: {
    area: 'network',
    meaning: 'The HTTP proxy refused to open a tunnel to the host.',
    remedy:
      'Check the user and password in HTTPS_PROXY and that the proxy allows CONNECT to this host on port 443.',
    retryable: false,
  },
  tls_untrusted: {
    area: 'network',
    meaning: 'The certificate that the host presented is not trusted by this machine.',
    remedy:
      'If the issuer is your own TLS inspection, put its root into INTUNE_CA_FILE or exempt the host; otherwise update the system trust store. Never turn verification off.',
    retryable: false,
  },
  tls_failed: {
    area: 'network',
    meaning: 'The TLS handshake failed.',
    remedy:
      'Something on the way does not speak TLS 1.2 or newer, or does not speak TLS at all on this port.',
    retryable: true,
  },
  redirect_refused: {
    area: 'network',
    meaning:
      'The host answered with a redirect, which is never followed because it would carry the token elsewhere.',
    remedy: 'Check the address that was asked; a captive portal or a proxy login page also looks like this.',
    retryable: false,
  },
  reply_too_large: {
    area: 'network',
    meaning: 'The reply was larger than the limit and was cut off.',
    remedy: 'Find out what answered in place of Microsoft; a real reply is far below the limit.',
    retryable: false,
  },
  // ---- Entra ID
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
  // ---- discovery through Graph
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
  // ---- the Intune query
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
    meaning: 'So many questions wait for Intune already that another one would not be answered in time.',
    remedy:
      'Nothing: what is remembered is answered meanwhile. If it lasts, Intune is slow, or far more devices ask than usual; see nac_upstream_waiting.',
    retryable: true,
  },
  // ---- details through Graph
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
  // ---- the caller
  identifier_missing: {
    area: 'caller',
    meaning: 'The request names no device.',
    remedy:
      'Send at least one of mac, deviceId, certificateSan, certificateCn, serialNumber, imei, meid, udid.',
    retryable: false,
  },
  identifier_malformed: {
    area: 'caller',
    meaning: 'An identifier is not of a form that is accepted.',
    remedy: 'The message names the field and the accepted forms.',
    retryable: false,
  },
  identifier_not_supported: {
    area: 'caller',
    meaning: 'The Intune API in use cannot look a device up by this kind of identifier.',
    remedy: 'Send the Intune device id (deviceId or certificateSan) or the MAC address as well.',
    retryable: false,
  },
  request_malformed: {
    area: 'caller',
    meaning: 'The request is not of the form that this route accepts.',
    remedy: 'The message names the field; openapi.yaml describes every route.',
    retryable: false,
  },
  unauthenticated: {
    area: 'caller',
    meaning: 'No credentials were given, or they are wrong.',
    remedy: 'Send the Basic or Bearer credentials, or the certificate, of a client that CLIENTS_FILE lists.',
    retryable: false,
  },
  client_forbidden: {
    area: 'caller',
    meaning: 'The client is known but may not do this.',
    remedy: 'Add the front end or the network to the client in CLIENTS_FILE.',
    retryable: false,
  },
  route_not_found: {
    area: 'caller',
    meaning: 'There is nothing at this address.',
    remedy: 'See openapi.yaml for the routes.',
    retryable: false,
  },
  decision_not_found: {
    area: 'caller',
    meaning: 'No decision with that id is remembered for this client.',
    remedy:
      'The service remembers the last 20,000 decisions of 24 hours since its start, and a client sees its own; the decision log has the others.',
    retryable: false,
  },
  method_not_allowed: {
    area: 'caller',
    meaning: 'This address does not take the HTTP method of the request.',
    remedy: 'Use one of the methods that the Allow header lists.',
    retryable: false,
  },
  body_too_large: {
    area: 'caller',
    meaning: 'The request body is larger than the limit.',
    remedy: 'Send only the identifiers of one device.',
    retryable: false,
  },
  media_type_not_supported: {
    area: 'caller',
    meaning: 'The Content-Type of the request body is not one that this route reads.',
    remedy: 'Send application/json.',
    retryable: false,
  },
  too_many_attempts: {
    area: 'caller',
    meaning: 'So many wrong credentials came from this address that new ones are not looked at for a minute.',
    remedy:
      'Correct the credentials of the caller, then wait as long as Retry-After says. Behind a reverse proxy, set SERVICE_TRUSTED_PROXIES so that callers are told apart.',
    retryable: true,
  },
  rate_limited: {
    area: 'caller',
    meaning: 'The client asks more often than its rateLimitPerSecond in CLIENTS_FILE allows.',
    remedy: 'Wait as long as Retry-After says. If the load is meant, raise rateLimitPerSecond of the client.',
    retryable: true,
  },
  recheck_too_soon: {
    area: 'caller',
    meaning: 'The device was checked again a few seconds ago.',
    remedy: 'Wait as long as Retry-After says; the decision of the last check still stands.',
    retryable: true,
  },
  // ---- the service, seen as ISE sees it (intune-nac check --as-ise)
  mdm_unreachable: {
    area: 'network',
    meaning: 'The MDM server that was asked as ISE would ask it did not answer, or not with 200.',
    remedy: 'Check host, port and Instance Name; a 503 says that the service could not determine the state.',
    retryable: true,
  },
  mdm_certificate_untrusted: {
    area: 'network',
    meaning: 'The certificate of the MDM server is not one that ISE would trust.',
    remedy:
      'Import the issuer of SERVICE_TLS_CERTIFICATE_FILE in ISE under Trusted Certificates (and give it here with --ca-file), and use a host name that the certificate has.',
    retryable: false,
  },
  mdm_credentials_refused: {
    area: 'network',
    meaning: 'The MDM server refused the user name and password.',
    remedy: 'Use the Basic credentials of a client in CLIENTS_FILE that may use the front end ise.',
    retryable: false,
  },
  mdm_reply_malformed: {
    area: 'network',
    meaning: "The MDM server answered with something that is not a document of Cisco's MDM API.",
    remedy: 'Check that host, port and Instance Name lead to this service and not to another.',
    retryable: false,
  },
  // ---- the service
  deadline_exceeded: {
    area: 'service',
    meaning:
      'The decision deadline passed before Microsoft had answered; the answer is remembered when it arrives.',
    remedy: 'Ask again in a second. If it happens often, see which hop is slow in the log.',
    retryable: true,
  },
  service_overloaded: {
    area: 'service',
    meaning:
      'More requests arrive than the service can answer in time, or more credentials wait to be checked than it takes at once.',
    remedy:
      'Ask again in a second. If it lasts, see nac_overloaded and nac_refused_requests_total: give the service more CPU, limit the client that asks most, or find out in the log who sends wrong credentials.',
    retryable: true,
  },
  internal: {
    area: 'service',
    meaning: 'A defect of this service.',
    remedy: 'Report it with the decision id or request id and the log lines around it.',
    retryable: true,
  },
} as const satisfies Record<string, FaultDescription>

/** Every code that a fault can have. Stable: a code is never renamed, only added. */
export type FaultCode = keyof typeof described

/** The closed catalogue, by code. */
export const faultCatalogue: Readonly<Record<FaultCode, FaultDescription>> = described
