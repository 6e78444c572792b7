import { z } from 'zod'

const providerNames = ['NACAPIService', 'NACAPIServiceBackup', 'ComplianceRetrievalService'] as const

/** Name of a discovery row that a NAC product looks for. */
export type ProviderName = (typeof providerNames)[number]

/**
 * The switches of the tenant, as they are written. Each stands for something that public evidence leaves open or that a
 * real tenant can do; docs/simulator.md gives the reasons.
 */
export const variantsSchema = z.strictObject({
  /** How Compliance Retrieval answers about a device it does not manage; no sample was ever published. */
  notFound: z.enum(['unregistered', 'empty_list', 'missing_list', 'http_404']).default('unregistered'),
  /** How an enrolled device that was not evaluated yet reads; Microsoft says only Compliant reads true. */
  unknownOnWire: z.enum(['false', 'empty', 'nil']).default('false'),
  /** How the answer to a MAC query names the device; no sample was ever published. */
  macReply: z.enum(['guid_and_macaddress', 'macaddress', 'guid']).default('guid_and_macaddress'),
  /** What a MAC value other than 12 bare hex digits gets: 400, or the answer for an unmanaged device. */
  macSpelling: z.enum(['bad_request', 'not_found']).default('bad_request'),
  /** Whether a query has to name XML in `Accept`; a client that does not would get the unpublished JSON dialect. */
  acceptHeader: z.enum(['required', 'optional']).default('required'),

  /** False: the tenant has no Intune service principal (no licence), Graph says 404. */
  intuneProvisioned: z.boolean().default(true),
  /** Which NAC rows the discovery list holds. */
  discoveryRows: z.array(z.enum(providerNames)).default([...providerNames]),
  /** `serviceName` is how the retired AAD Graph called the property. */
  discoveryNameKey: z.enum(['providerName', 'serviceName']).default('providerName'),
  /** Origin written into the discovered uris in place of the simulator's own (`https://host:port`). */
  discoveredOrigin: z.url().nullable().default(null),
  /** Whole uri of single rows, for uris that no origin and path can express. */
  discoveredUris: z.partialRecord(z.enum(providerNames), z.string()).default({}),
  /** Where Compliance Retrieval lives; change it to move the tenant to another scale unit. */
  complianceRetrievalPath: z
    .string()
    .regex(/^(\/[^/?#\s]+)+$/, 'must start with a slash and not end with one')
    .default('/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService'),
  /** What the queries get on a path that the tenant has left. */
  retiredPathStatus: z.union([z.literal(404), z.literal(410)]).default(404),

  /** Lifetime of new tokens. */
  accessTokenLifetimeSeconds: z.int().positive().default(3599),
  /** `refresh_in` of the token reply; Entra sends it with long-lived tokens only. */
  refreshInSeconds: z.int().positive().nullable().default(null),
  /** What a v2 scope with one slash gets for a resource whose name ends in one. */
  singleSlashScope: z.enum(['token_without_slash', 'invalid_resource']).default('token_without_slash'),
})

/** The tenant-wide switches, all set. */
export type Variants = z.output<typeof variantsSchema>

/** Some of the switches. */
export type VariantsInput = z.input<typeof variantsSchema>
