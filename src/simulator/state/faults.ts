import { z } from 'zod'

/** The exchanges that can be disturbed and that are counted. `other` is any path nobody serves. */
export const hops = [
  'openid',
  'keys',
  'token',
  'discovery',
  'mdminfo',
  'query',
  'bulk',
  'details',
  'other',
] as const

/** One kind of exchange with the simulated cloud. */
export type SimulatorHop = (typeof hops)[number]

const common = {
  hop: z.enum(hops),
  /**
   * Which requests of the hop: `graph`, `intune`, `aad_graph`, a scope or a resource for tokens; any identifier of the
   * device for queries and details; `guid` or `macaddress` for the bulk list. All when left out. Separators and case
   * are not compared.
   */
  match: z.string().min(1).optional(),
  /** How often it strikes before it is gone; for ever when left out. */
  times: z.int().positive().optional(),
}

const wireText = {
  headers: z.record(z.string(), z.string()).optional(),
  contentType: z.string().optional(),
}

/** A disturbance, as it is written; `kind` says which and what else it takes. */
export const faultSchema = z.discriminatedUnion('kind', [
  /** The normal answer, or the one of another fault, after `latencyMs` of real time. */
  z.strictObject({ ...common, kind: z.literal('latency'), latencyMs: z.int().nonnegative() }),
  z.strictObject({
    ...common,
    kind: z.literal('status'),
    status: z.int().min(200).max(599),
    body: z.string().optional(),
    ...wireText,
  }),
  /** A gateway's HTML page. */
  z.strictObject({
    ...common,
    kind: z.literal('html'),
    status: z.int().min(200).max(599).default(503),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** No body and no content type. */
  z.strictObject({
    ...common,
    kind: z.literal('empty'),
    status: z.int().min(200).max(599).default(503),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** The error JSON of Intune's front ends, inside Graph's for the hops of Graph; the wait is told in it alone. */
  z.strictObject({
    ...common,
    kind: z.literal('nested_error'),
    status: z.int().min(400).max(599).default(503),
    retryAfterSeconds: z.int().nonnegative().nullable().default(30),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** 200 with the wrong body. */
  z.strictObject({ ...common, kind: z.literal('body'), body: z.string(), ...wireText }),
  /** Entra's error JSON for this AADSTS number, with its HTTP status. Token hop only. */
  z.strictObject({
    ...common,
    hop: z.literal('token'),
    kind: z.literal('aadsts'),
    aadsts: z.int().positive(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** The connection is reset before a byte of the answer. */
  z.strictObject({ ...common, kind: z.literal('reset') }),
  /** Never answered; the connection stays open. */
  z.strictObject({ ...common, kind: z.literal('hang') }),
  /** The normal answer's headers and half of its body, then the connection is closed. */
  z.strictObject({ ...common, kind: z.literal('truncate') }),
  /** The normal answer, its body in small pieces over `durationMs` of real time. */
  z.strictObject({ ...common, kind: z.literal('slow_body'), durationMs: z.int().positive() }),
  /** 200 and `bytes` octets of filler. */
  z.strictObject({
    ...common,
    kind: z.literal('huge'),
    bytes: z.int().positive(),
    contentType: z.string().optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('redirect'),
    location: z.string(),
    status: z
      .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
      .default(302),
  }),
])

/** What `setFault` takes. */
export type FaultInput = z.input<typeof faultSchema>

/** A disturbance that is set, with its id and how often it still strikes. */
export type ActiveFault = z.output<typeof faultSchema> & { readonly id: string }
