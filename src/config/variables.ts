import { z } from 'zod'
import { isNetwork, networkProblem } from '../networks/networks.ts'
import { type CloudName, clouds } from './clouds.ts'
import { isTenant, parseAutoDiscoveryUrl, parseTokenAudience, parseTokenIssuingUrl } from './ise-fields.ts'

/** How one variable is read and described; docs/configuration.md is generated from these. */
interface Variable {
  /** From the text of the variable; undefined is a variable that is not set. */
  readonly type: z.ZodType
  readonly description: string
  readonly default?: string
  readonly secret?: true
  /** The path of a file that is opened at the start, where a path that cannot be right is found out. */
  readonly opened?: true
  /** White space only separates. */
  readonly list?: true
}

const integer = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be from ${minimum} to ${maximum}`)

/** A file's content in place of its path would be repeated by every message that names the file. */
const filePath = z
  .string()
  .min(1, 'must be the path of a file')
  .refine((text) => !/-----BEGIN |\n/.test(text), 'must be the path of a file, not what is in it')

const guid = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a GUID: 8-4-4-4-12 hexadecimal digits')

/** Takes a parser that gives an outcome and reports its fault as this variable's problem. */
const address = <T>(
  parse: (text: string) => { ok: true; value: T } | { ok: false; fault: { message: string } },
) =>
  z.string().transform((text, context): T => {
    const parsed = parse(text)
    if (parsed.ok) return parsed.value
    context.addIssue({ code: 'custom', message: parsed.fault.message })
    return z.NEVER
  })

const hostName = /^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$|^\[[0-9a-f:]+\]$/

const hostSuffixes = z.string().transform((text, context) => {
  const suffixes = text
    .split(',')
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .replace(/^\*?\./, ''),
    )
    .filter((part) => part !== '')
  const wrong = suffixes.find((suffix) => !hostName.test(suffix))
  if (suffixes.length === 0 || wrong !== undefined) {
    context.addIssue({
      code: 'custom',
      message: 'must be host names or suffixes separated by commas, for example manage.microsoft.com',
    })
    return z.NEVER
  }
  return suffixes
})

const hostNames = z.string().transform((text, context) => {
  const names = text
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
  if (names.length > 0 && names.every((name) => hostName.test(name) || isNetwork(name))) return names
  context.addIssue({
    code: 'custom',
    message:
      'must be host names or addresses separated by commas, without a port, for example nac-1.contoso.example',
  })
  return z.NEVER
})

const networks = z.string().transform((text, context) => {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '')
  const wrong = parts.find((part) => networkProblem(part) !== undefined)
  if (parts.length > 0 && wrong === undefined) return parts
  const detail = wrong === undefined ? '' : `: ${JSON.stringify(wrong.slice(0, 64))} ${networkProblem(wrong)}`
  context.addIssue({
    code: 'custom',
    message: `must be addresses or networks separated by commas, for example 10.0.0.5,2001:db8::/64${detail}`,
  })
  return z.NEVER
})

/** Every variable of the service. The names are a contract: they are only ever added to. */
export const variables = {
  INTUNE_TENANT_ID: {
    type: z
      .string()
      .refine(isTenant, 'must be the tenant id (a GUID) or a verified domain of the tenant')
      .toLowerCase()
      .optional(),
    description: 'Tenant id (GUID) or domain. Required unless INTUNE_TOKEN_ISSUING_URL names the tenant.',
  },
  INTUNE_CLIENT_ID: { type: guid, description: 'Application (client) id of the app registration. Required.' },
  INTUNE_CERTIFICATE_FILE: {
    type: filePath,
    description: 'PEM certificate, leaf first, registered on the app. Required.',
    opened: true,
  },
  INTUNE_PRIVATE_KEY_FILE: {
    type: filePath,
    description: 'PEM RSA private key of that certificate: PKCS#8 or PKCS#1, encrypted or not. Required.',
    opened: true,
  },
  INTUNE_PRIVATE_KEY_PASSPHRASE: {
    type: z.string().min(1, 'must not be empty').optional(),
    description: 'Passphrase of the private key, if it is encrypted.',
    secret: true,
  },
  INTUNE_CLOUD: {
    type: z.enum(Object.keys(clouds) as [CloudName, ...CloudName[]]),
    description: 'Microsoft cloud of the tenant: public, usgov, usgov-dod or china.',
    default: 'public',
  },
  INTUNE_AUTO_DISCOVERY_URL: {
    type: address(parseAutoDiscoveryUrl).optional(),
    description: 'ISE field of that name: the Graph host. Overrides the value of the cloud.',
  },
  INTUNE_TOKEN_ISSUING_URL: {
    type: address(parseTokenIssuingUrl).optional(),
    description:
      'ISE field of that name: https://<login host>/<tenant>, with or without /oauth2/token or /oauth2/v2.0/token. Overrides the cloud and INTUNE_TENANT_ID; its host is trusted as given.',
  },
  INTUNE_TOKEN_AUDIENCE: {
    type: address(parseTokenAudience).optional(),
    description: 'ISE field of that name: resource URI of the Intune API. Overrides the value of the cloud.',
  },
  INTUNE_CA_FILE: {
    type: filePath.optional(),
    description: "PEM file of extra trust roots for outbound TLS, added to the system's.",
    opened: true,
  },
  INTUNE_ALLOWED_HOSTS: {
    type: hostSuffixes.optional(),
    description:
      'Host suffixes, comma-separated, that a discovered Intune address must end in. Overrides those of the cloud.',
    list: true,
  },
  INTUNE_API: {
    type: z.enum(['auto', 'compliance-retrieval', 'nac']),
    description:
      'Service of Intune that is asked: compliance-retrieval, nac (NAC 1.x), or auto, which takes Compliance Retrieval where the tenant lists it and has a query for the identifier, else NAC 1.x.',
    default: 'auto',
  },
  INTUNE_GRAPH_DETAILS: {
    type: z.enum(['off', 'on']),
    description:
      'on: Microsoft Graph is asked for the exact state of a device that is not compliant, and serial numbers can be looked up. Needs the permission DeviceManagementManagedDevices.Read.All.',
    default: 'off',
  },
  SERVICE_HOST: {
    type: z.string().min(1, 'must be an address to listen on').optional(),
    description:
      'Address to listen on: 0.0.0.0 with CLIENTS_FILE; without it 127.0.0.1, and nothing but loopback is accepted.',
  },
  SERVICE_PORT: {
    type: integer(0, 65535),
    description: 'Port to listen on; 0 lets the system pick.',
    default: '8080',
  },
  SERVICE_REUSE_PORT: {
    type: z.enum(['off', 'on']),
    description:
      'on: several processes of the service on one machine may share SERVICE_PORT, and the kernel gives each its part of the connections (SO_REUSEPORT, Linux). Each needs a MANAGEMENT_PORT and a DECISION_LOG_FILE of its own (docs/performance.md).',
    default: 'off',
  },
  SERVICE_TLS_CERTIFICATE_FILE: {
    type: filePath.optional(),
    description:
      'PEM certificate with which the service serves HTTPS, leaf first and then its chain; read again when it changes. Without it the service speaks HTTP.',
    opened: true,
  },
  SERVICE_TLS_PRIVATE_KEY_FILE: {
    type: filePath.optional(),
    description: 'PEM private key of that certificate, not encrypted; read again when it changes.',
    opened: true,
  },
  SERVICE_TLS_CLIENT_CA_FILE: {
    type: filePath.optional(),
    description:
      'PEM file of the authorities that sign certificates of callers. With it every caller must present such a certificate; a client in CLIENTS_FILE can be known by it.',
    opened: true,
  },
  SERVICE_PLAIN_HTTP: {
    type: z.enum(['off', 'on']),
    description:
      'on: the service may listen on other addresses than loopback without SERVICE_TLS_*, because something in front of it ends TLS. User names, passwords and tokens cross the way between the two unencrypted. Without it such a service does not start.',
    default: 'off',
  },
  SERVICE_PATH_PREFIX: {
    type: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+){1,8}$/, 'must be a path such as /nac, without a slash at its end')
      .optional(),
    description:
      'Path below which a reverse proxy publishes the service, whether it takes it off the requests or not; the Instance Name in the MDM server form of ISE.',
  },
  SERVICE_TRUSTED_PROXIES: {
    type: networks.optional(),
    description:
      'Addresses or networks of reverse proxies, comma-separated: of a request from one of them, the last address in X-Forwarded-For that is not in this list counts as the caller. Without it X-Forwarded-For is not read.',
    list: true,
  },
  MANAGEMENT_HOST: {
    type: z.string().min(1, 'must be an address to listen on'),
    description: 'Address of the management listener: metrics, status, health (docs/operations.md).',
    default: '127.0.0.1',
  },
  MANAGEMENT_PORT: {
    type: integer(0, 65535),
    description: 'Port of the management listener; 0 lets the system pick.',
    default: '9090',
  },
  MANAGEMENT_ALLOWED_HOSTS: {
    type: hostNames.optional(),
    description:
      'Names or addresses, comma-separated, that the management listener may be asked by (Host header) besides loopback, MANAGEMENT_HOST, the address that the request arrives at and the name of the machine. Others are 421: a web page could have made them lead here.',
    list: true,
  },
  MANAGEMENT_REQUIRE_CREDENTIALS: {
    type: z.enum(['off', 'on']),
    description:
      'on: callers on this machine need the credentials of a client with frontends: [management] as well (docs/clients.md). For a machine with users who may not see devices.',
    default: 'off',
  },
  MANAGEMENT_TLS_CERTIFICATE_FILE: {
    type: filePath.optional(),
    description:
      'PEM certificate with which the management listener serves HTTPS, leaf first and then its chain; read again when it changes. Without it that listener speaks HTTP.',
    opened: true,
  },
  MANAGEMENT_TLS_PRIVATE_KEY_FILE: {
    type: filePath.optional(),
    description: 'PEM private key of that certificate, not encrypted; read again when it changes.',
    opened: true,
  },
  MANAGEMENT_TLS_CLIENT_CA_FILE: {
    type: filePath.optional(),
    description:
      'PEM file of the authorities that sign certificates of callers of the management listener. With it every one of them must present such a certificate, probes and Prometheus too.',
    opened: true,
  },
  CLIENTS_FILE: {
    type: filePath.optional(),
    description:
      'YAML file of the clients that may ask (docs/clients.md), read again within 2 seconds of a change. Without it only loopback callers are served.',
  },
  POLICY_FILE: {
    type: filePath.optional(),
    description:
      'YAML file of rules and RADIUS attribute profiles (docs/policy.md), read again within 2 seconds of a change. Without it the built-in policy applies.',
  },
  STATE_DIR: {
    type: z.string().min(1, 'must be the path of a directory').optional(),
    description:
      'Directory in which the last known records and the time of the last bulk query outlive a restart; made if it is not there. Replicas on one machine may share it. Without it they are kept in memory alone, and the list of noncompliant devices is not asked for.',
  },
  TRACE_STORE: {
    type: z.enum(['off', 'on']),
    description:
      'on: how each decision came about is kept in STATE_DIR for 24 hours, so that `why` knows it after a restart and beyond the last 20,000 (docs/decision-log.md). Costs 1 to 3 KB of disk per decision.',
    default: 'off',
  },
  TRACE_STORE_MAX_DECISIONS: {
    type: integer(1000, 100_000_000),
    description: 'How many decisions are kept there at most; the oldest make room.',
    default: '1000000',
  },
  DECISION_LOG_FILE: {
    type: filePath.optional(),
    description:
      'File to which the decision lines are appended besides standard output, whatever LOG_LEVEL is (docs/decision-log.md).',
  },
  DECISION_LOG_MAX_BYTES: {
    type: integer(4096, 999_999_999),
    description: 'Size at which that file is moved aside to NAME.1, NAME.1 to NAME.2 and so on.',
    default: '104857600',
  },
  DECISION_LOG_KEEP_FILES: {
    type: integer(0, 1000),
    description: 'How many files that were moved aside are kept.',
    default: '10',
  },
  SHUTDOWN_GRACE_SECONDS: {
    type: integer(0, 300),
    description:
      'After SIGTERM: how long /readyz says 503 while everything is still answered, so that load balancers turn away. Stopping takes up to 10 seconds more (docs/operations.md).',
    default: '5',
  },
  DECISION_DEADLINE_MS: {
    type: integer(50, 30_000),
    description: 'Every answer is given within this time, whatever Microsoft does.',
    default: '1000',
  },
  COMPLIANT_FRESH_SECONDS: {
    type: integer(1, 86_400),
    description: 'How long a compliant answer is used without asking again.',
    default: '600',
  },
  NONCOMPLIANT_FRESH_SECONDS: {
    type: integer(1, 86_400),
    description: 'The same for noncompliant, unknown and not enrolled.',
    default: '30',
  },
  REFRESH_AHEAD_SECONDS: {
    type: integer(0, 86_400),
    description:
      'After COMPLIANT_FRESH_SECONDS, how long a compliant device is still answered at once while Intune is asked behind.',
    default: '300',
  },
  OUTAGE_HOLD_SECONDS: {
    type: integer(0, 2_592_000),
    description:
      'While Intune cannot be asked: how long after it was observed the last known answer is used.',
    default: '28800',
  },
  LOG_LEVEL: {
    type: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    description: 'Least severe level that is logged.',
    default: 'info',
  },
  LOG_DEVICE_IDS: {
    type: z.enum(['full', 'hash', 'none']),
    description:
      'How identifiers of devices and users appear in logs and stories: full, as a keyed hash, or not at all. The state file in STATE_DIR has them in any case.',
    default: 'full',
  },
  LOG_REQUEST_CONTEXT: {
    type: z.enum(['on', 'off']),
    description:
      'Whether a line of the decision log says where a request came from: NAS, port, SSID, user, and the other identifiers that it named. Stories have NAS and SSID in either case (docs/decision-log.md).',
    default: 'on',
  },
} as const satisfies Record<string, Variable>

/** The name of a variable of the service. */
export type VariableName = keyof typeof variables

/** The parsed value of every variable. */
export type VariableValues = { readonly [Name in VariableName]: z.output<(typeof variables)[Name]['type']> }

/** A variable of the environment with one of these beginnings belongs to the service, so an unknown one is a typo. */
export const ownPrefixes = [
  'INTUNE_',
  'SERVICE_',
  'MANAGEMENT_',
  'CLIENTS_',
  'POLICY_',
  'STATE_',
  'TRACE_',
  'DECISION_',
  'COMPLIANT_',
  'NONCOMPLIANT_',
  'REFRESH_',
  'OUTAGE_',
  'SHUTDOWN_',
  'LOG_',
] as const
