import { z } from 'zod'

const providerNames = ['NACAPIService', 'NACAPIServiceBackup', 'ComplianceRetrievalService'] as const
const cloudNames = ['public', 'usgov', 'usgov-dod', 'china'] as const

/** Name of a discovery row that a NAC product looks for. */
export type ProviderName = (typeof providerNames)[number]

/** A Microsoft cloud. */
export type CloudName = (typeof cloudNames)[number]

/** Where the services live until the tenant moves; Microsoft's own paths. */
export const homePaths = {
  complianceRetrievalPath: '/TrafficGateway/TrafficRoutingService/ResourceAccess/ComplianceRetrievalService',
  nacPath: '/StatelessNACService',
} as const

const pathField = z.string().regex(/^(\/[^/?#\s]+)+$/, 'must start with a slash and not end with one')

/**
 * The switches of the tenant, as they are written. Each stands for something that public evidence leaves open or that a
 * real tenant can do; docs/simulator.md gives the reasons.
 */
export const variantsSchema = z.strictObject({
  /** Which Microsoft cloud the tenant lives in: names of resources, issuer, portal. */
  cloud: z.enum(cloudNames).default('public'),
  /** Name of the Intune API in place of the cloud's own; the only way to have one in China. */
  intuneResource: z.url().nullable().default(null),
  /** The AADSTS number with which Entra says that the tenant is at home in another cloud; null: it is here. */
  crossCloudRefusal: z
    .union([z.literal(90038), z.literal(900382)])
    .nullable()
    .default(null),

  /**
   * How the XML dialects answer about a device that Intune does not manage; no sample was ever published. A document
   * without its list, or with a nil one, says nothing about a device.
   */
  notFound: z
    .enum(['unregistered', 'empty_list', 'missing_list', 'nil_list', 'http_404'])
    .default('unregistered'),
  /** `withheld`: Compliance Retrieval and NAC 1.x JSON do not say which device their answer is about. */
  deviceNames: z.enum(['given', 'withheld']).default('given'),
  /** How an enrolled device that was not evaluated yet reads; Microsoft says only Compliant reads true. */
  unknownOnWire: z.enum(['false', 'empty', 'nil']).default('false'),
  /** How the answer to a MAC query names the device; no sample was ever published. */
  macReply: z.enum(['guid_and_macaddress', 'macaddress', 'guid']).default('guid_and_macaddress'),
  /** What a MAC value other than 12 bare hex digits gets: 400, or the answer for an unmanaged device. */
  macSpelling: z.enum(['bad_request', 'not_found']).default('bad_request'),
  /** Whether a query has to name in `Accept` the form that its dialect is written in. */
  acceptHeader: z.enum(['required', 'optional']).default('required'),

  /** False: NAC 1.x is listed by discovery and answers 404, as an API without support may. */
  nacServed: z.boolean().default(true),
  /** How NAC 1.x JSON answers about a device that Intune does not manage. */
  nacNotFound: z.enum(['full', 'bare', 'http_404']).default('full'),
  /** How NAC 1.x JSON writes its two booleans; Microsoft's oldest text calls them strings. */
  nacBooleans: z.enum(['boolean', 'string', 'capitalised', 'number']).default('boolean'),
  /** What stands for a value that the inventory does not have. */
  nacAbsentValues: z.enum(['empty', 'missing', 'null']).default('empty'),
  /** `lastContactTimeUtc` with or without the offset that it gained in 2023. */
  nacLastContact: z.enum(['plain', 'with_offset']).default('plain'),
  /** What several devices with the same identifier are answered as. */
  nacDuplicates: z.enum(['single', 'array', 'value']).default('single'),

  /** When the list of all noncompliant devices may be asked for again. */
  bulkRule: z.enum(['strict', 'window', 'off']).default('strict'),
  /** Rows on a page of that list; null: all of them on one. */
  bulkPageSize: z.int().positive().nullable().default(null),
  /** `repeats_token`: each next page hands out the token that it was asked with. */
  bulkPaging: z.enum(['ends', 'repeats_token']).default('ends'),
  /** How a row of the list by MAC names the device; no sample was ever published. */
  bulkMacRows: z.enum(['macaddress', 'guid_and_macaddress']).default('macaddress'),
  /** Whether the list of Compliance Retrieval has to say `deviceidentifier`; GUIDs where it does not. */
  bulkDeviceIdentifier: z.enum(['required', 'optional']).default('required'),

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
  /** Where Compliance Retrieval lives; `moveScaleUnit` changes it. */
  complianceRetrievalPath: pathField.default(homePaths.complianceRetrievalPath),
  /** Where NAC 1.x lives; `moveScaleUnit` changes it. */
  nacPath: pathField.default(homePaths.nacPath),
  /** What the queries get on a path that the tenant has left; `reset` drops the connection, as a host that is gone. */
  retiredPathStatus: z.union([z.literal(404), z.literal(410), z.literal('reset')]).default(404),
  /** The most devices on a page of Graph's list. */
  detailsPageSize: z.int().positive().default(1000),

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
