import { z } from 'zod'
import type { FrontendName } from '../decision/decide.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { createNetworks, isNetwork, type Networks, networkProblem } from '../networks/networks.ts'
import {
  type FileContent,
  type FileProblem,
  parseYaml,
  schemaProblems,
  type YamlText,
} from '../yaml/parse-yaml.ts'
import { type ManagementScope, managementScopes } from './management-scopes.ts'
import { parseSecretHash, type SecretHash } from './secret-hash.ts'

/** What a client may be let in to: a front end, or what the management listener keeps from other machines. */
export type Door = FrontendName | 'management'

/**
 * One caller that the clients file lists. It has Basic or Bearer credentials, a certificate, or several of them. Basic and
 * Bearer are alternatives; a certificate beside them is needed as well.
 */
export interface Client {
  readonly name: string
  readonly frontends: readonly Door[]
  /** What it may do on the management listener; absent where it is not let in there. */
  readonly scopes?: readonly ManagementScope[] | undefined
  readonly basic?: { readonly username: string; readonly passwordHash: SecretHash } | undefined
  readonly bearer?: { readonly tokenHash: SecretHash } | undefined
  readonly certificate?: CertificateRule | undefined
  /** Absent: from anywhere. */
  readonly networks?: Networks | undefined
  /** Absent: no limit. */
  readonly rateLimitPerSecond?: number | undefined
}

/** Which verified certificate belongs to a client; both must match where both are given. */
export interface CertificateRule {
  /** RFC 4514: `CN=radius-1,OU=Network,O=Contoso`. */
  readonly subject?: string | undefined
  /** `DNS:radius-1.example`, `URI:...` or `email:...`: one of those of the certificate. */
  readonly san?: string | undefined
}

/** What the service can do with the file. */
export interface ClientsFileOptions {
  /** False: neither SERVICE_TLS_CLIENT_CA_FILE nor MANAGEMENT_TLS_CLIENT_CA_FILE is set, so no client could ever prove a certificate. Default: true. */
  readonly verifiesCertificates?: boolean
}

/** Everyone who may ask, in the order of the file; names and user names are unique. */
export interface ClientList {
  readonly clients: readonly Client[]
}

const frontendNames = ['json', 'radius', 'ise'] as const satisfies readonly FrontendName[]
/** Who may ask for decisions may not purge them: management is never meant unless it is named. */
const doorNames = [...frontendNames, 'management'] as const satisfies readonly Door[]

/** A bearer token names no user, so a wrong one is checked against every one of these: one scrypt each. */
const maxBearerClients = 16
const maxClients = 1000
const maxNetworks = 256
/** How long a clients file may be. */
export const maxClientsFileBytes = 1024 * 1024

const Hash = z.string('must be a text').transform((text, context): SecretHash => {
  const parsed = parseSecretHash(text)
  if (parsed !== undefined) return parsed
  context.addIssue({
    code: 'custom',
    message:
      'must be scrypt:N:r:p:salt:hash with N a power of two from 16384, r from 8, N*r*p at most 1048576, and salt and hash in base64',
  })
  return z.NEVER
})

const Client = z
  .strictObject(
    {
      name: z
        .string('is required: a name for the log')
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, hyphens or underscores'),
      frontends: z
        .array(z.enum(doorNames, `must be one of ${doorNames.join(', ')}`), 'must be a list')
        .min(1, 'must name at least one front end; leave it out for all')
        .default([...frontendNames]),
      scopes: z
        .array(z.enum(managementScopes, `must be one of ${managementScopes.join(', ')}`), 'must be a list')
        .min(1, 'must name at least one scope; leave it out for all')
        .optional(),
      basic: z
        .strictObject(
          {
            // RFC 7617 section 2: a user-id holds no colon and no control character.
            username: z
              .string('is required: a text')
              .regex(
                /^[^:\p{Cc}]{1,255}$/u,
                'must be 1 to 255 characters without colon or control characters',
              )
              .transform((username) => username.normalize('NFC')),
            passwordHash: Hash,
          },
          'must be a map with username and passwordHash',
        )
        .optional(),
      bearer: z.strictObject({ tokenHash: Hash }, 'must be a map with tokenHash').optional(),
      certificate: z
        .strictObject(
          {
            subject: z
              .string('must be a text')
              .regex(/^[A-Za-z0-9.]+=\P{Cc}{1,1024}$/u, 'must be a name such as CN=radius-1,O=Contoso')
              .optional(),
            san: z
              .string('must be a text')
              .regex(/^(DNS|URI|email):\P{Cc}{1,1024}$/u, 'must begin with DNS:, URI: or email:')
              .optional(),
          },
          'must be a map with subject or san',
        )
        .refine(({ subject, san }) => subject !== undefined || san !== undefined, 'must have subject or san')
        .optional(),
      networks: z
        .array(
          z
            .string('must be a text')
            .refine(isNetwork, { error: ({ input }) => networkProblem(String(input)) }),
          'must be a list',
        )
        .min(1, 'must name at least one network; leave it out for all')
        .max(maxNetworks, `must be at most ${maxNetworks} networks`)
        .transform(createNetworks)
        .optional(),
      rateLimitPerSecond: z
        .int('must be a whole number')
        .min(1, 'must be from 1 to 100000')
        .max(100_000, 'must be from 1 to 100000')
        .optional(),
    },
    'must be a map that describes one client',
  )
  // Clients of before there were scopes may do everything.
  .transform((client) =>
    client.frontends.includes('management') ? { scopes: [...managementScopes], ...client } : client,
  )

const ClientsFile = z.strictObject(
  {
    clients: z.array(Client, 'is required: a list').max(maxClients, `must be at most ${maxClients} clients`),
  },
  'must be a map with the key clients',
)

/** As much of a possibly wrong file as the checks across clients need. */
const RawClients = z
  .object({
    clients: z.array(
      z
        .object({
          name: z.string().optional().catch(undefined),
          basic: z.unknown().optional(),
          bearer: z.unknown().optional(),
          certificate: z.unknown().optional(),
          frontends: z.unknown().optional(),
          scopes: z.unknown().optional(),
        })
        .optional()
        .catch(undefined),
    ),
  })
  .catch({ clients: [] })
const RawBasic = z.object({ username: z.string() })
const RawCertificate = z.object({ subject: z.string().optional(), san: z.string().optional() })

/**
 * Parses a clients file (YAML). Fails with `configuration_invalid`; the message lists every problem on a
 * line of its own as `file:line:column: problem` and quotes nothing that could be a secret.
 */
export function parseClients(
  content: FileContent,
  fileName: string,
  { verifiesCertificates = true }: ClientsFileOptions = {},
): Outcome<ClientList> {
  if (content.length > maxClientsFileBytes) {
    return invalidFile(fileName, [{ line: 1, column: 1, problem: 'the file is larger than 1 MiB' }])
  }
  const yaml = parseYaml(content)
  if ('problems' in yaml) return invalidFile(fileName, yaml.problems)
  const parsed = ClientsFile.safeParse(yaml.value)
  const problems = [
    ...(parsed.success ? [] : schemaProblems(yaml, ClientsFile, parsed.error)),
    ...crossProblems(yaml, verifiesCertificates),
  ]
  if (parsed.success && problems.length === 0) return success(parsed.data)
  return invalidFile(fileName, problems)
}

/** What no single value shows: credentials that are missing, given twice or too many. */
function crossProblems(yaml: YamlText, verifiesCertificates: boolean): FileProblem[] {
  const problems: FileProblem[] = []
  const names = new Map<string, number>()
  const usernames = new Map<string, number>()
  const certificates = new Map<string, number>()
  let bearerClients = 0
  for (const [index, client] of RawClients.parse(yaml.value).clients.entries()) {
    if (client === undefined) continue
    const at = (path: readonly PropertyKey[], problem: string) => {
      problems.push(yaml.problemAt(['clients', index, ...path], `clients[${index}]${problem}`))
    }
    const { name, basic, bearer, certificate, frontends, scopes } = client
    if (basic === undefined && bearer === undefined) {
      if (certificate === undefined) at([], ': has no credentials: add basic, bearer or certificate')
      // Beside a password the same certificate may stand twice: then the password says who it is.
      const rule = RawCertificate.safeParse(certificate).data
      const sameRule = firstWith(certificates, rule && JSON.stringify([rule.subject, rule.san]), index)
      if (sameRule !== undefined) at(['certificate'], `.certificate: clients[${sameRule}] has the same one`)
    }
    if (scopes !== undefined && !(Array.isArray(frontends) && frontends.includes('management'))) {
      at(['scopes'], '.scopes: are those of the management listener: add management to frontends')
    }
    if (certificate !== undefined && !verifiesCertificates) {
      at(
        ['certificate'],
        '.certificate: cannot be verified: set SERVICE_TLS_CLIENT_CA_FILE, or MANAGEMENT_TLS_CLIENT_CA_FILE for the management listener',
      )
    }
    const sameName = firstWith(names, name, index)
    if (sameName !== undefined) at(['name'], `.name: clients[${sameName}] has the same name`)
    const sameUsername = firstWith(
      usernames,
      RawBasic.safeParse(basic).data?.username.normalize('NFC'),
      index,
    )
    if (sameUsername !== undefined) {
      at(['basic', 'username'], `.basic.username: clients[${sameUsername}] has the same user name`)
    }
    if (bearer !== undefined) bearerClients += 1
    if (bearer !== undefined && bearerClients === maxBearerClients + 1) {
      at(['bearer'], `.bearer: at most ${maxBearerClients} clients may have a token; give this one basic`)
    }
  }
  return problems
}

/** The index that was seen with this text first, or undefined where this is the first. */
function firstWith(seen: Map<string, number>, text: string | undefined, index: number): number | undefined {
  if (text === undefined) return undefined
  const first = seen.get(text)
  if (first === undefined) seen.set(text, index)
  return first
}

function invalidFile(fileName: string, problems: readonly FileProblem[]) {
  const inOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const lines = inOrder.map(({ line, column, problem }) => `${fileName}:${line}:${column}: ${problem}`)
  return failure('configuration_invalid', lines.join('\n'), { field: 'CLIENTS_FILE' })
}
