import type { FaultDescription } from '../fault-description.ts'

/** What is the caller's to correct. */
export const callerFaults = {
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
  login_not_supported: {
    area: 'caller',
    meaning: 'The RADIUS request is neither EAP nor MAC authentication but the log-in of a person.',
    remedy:
      'Let the NAS send Service-Type = Call-Check with MAC authentication; docs/freeradius.md says what to do with one that cannot. Log-ins with a password are for another server.',
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
    remedy:
      'The message says what is missing: a front end, a network or a scope is added to the entry of the client in CLIENTS_FILE (docs/clients.md).',
    retryable: false,
  },
  host_not_served: {
    area: 'caller',
    meaning: 'The Host header names another host than the listener answers to.',
    remedy:
      'Ask by 127.0.0.1, by the address or by the name of the machine, or add the name to MANAGEMENT_ALLOWED_HOSTS.',
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
    meaning: 'The Content-Type or the Content-Encoding of the request body is not one that this route reads.',
    remedy: 'Send application/json, not compressed.',
    retryable: false,
  },
  too_many_attempts: {
    area: 'caller',
    meaning:
      'The credentials are wrong, after many others from this address, or so many wait to be checked that there was no room for these.',
    remedy:
      'Correct the credentials of the caller; right ones are admitted whatever else comes from the address, at the latest when they are sent again. Behind a reverse proxy, set SERVICE_TRUSTED_PROXIES so that callers are told apart.',
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
    meaning:
      'The device was checked again a few seconds ago, by this or another of its identifiers, or the client has checked very many devices again.',
    remedy: 'Wait as long as Retry-After says; the decision of the last check still stands.',
    retryable: true,
  },
} as const satisfies Record<string, FaultDescription>
