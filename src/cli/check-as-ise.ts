import { parseIdentity } from '../identity/parse-identity.ts'
import { createIseClient, type Endpoint, type IseClient } from '../ise-client/ise-client.ts'
import type { MdmDevice } from '../ise-client/read-reply.ts'
import { printable } from '../text/printable.ts'
import { type CommandContext, type ExitCode, exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { explainFault } from './configured.ts'
import { readAuthorities, readSecretFile } from './read-option-file.ts'
import { formatTable } from './table.ts'
import { coloured } from './terminal.ts'

const form = {
  name: 'check',
  usage: ['--as-ise URL --user NAME --password-file FILE [options] [IDENTIFIER...]'],
  does: [
    'Asks a running service the way Cisco ISE does, over HTTPS with Basic credentials: Test Connection,',
    'then the device by its GUID and by its MAC address.',
  ],
  operands: {
    IDENTIFIER: 'a MAC address or an Intune device id; without one the connection alone is tested',
  },
  options: {
    'as-ise': { type: 'string', argument: 'URL', meaning: 'https address of the service' },
    user: { type: 'string', argument: 'NAME', meaning: 'user name of a client with the front end ise' },
    'password-file': { type: 'string', argument: 'FILE', meaning: 'file with the password in it' },
    'ca-file': {
      type: 'string',
      argument: 'FILE',
      meaning: 'PEM of authorities that are trusted besides the public ones',
    },
    'api-version': {
      type: 'string',
      argument: 'NUMBER',
      default: '3',
      meaning: "of Cisco's MDM API: 1, 2 or 3",
    },
    poll: {
      type: 'string',
      argument: 'NAME',
      meaning: 'the list of noncompliant devices too, by guid or macaddress',
    },
    json: { type: 'boolean', default: false, meaning: 'the answers as JSON' },
  },
  examples: [
    'check --as-ise https://nac.example:8443 --user ise --password-file pw --ca-file ca.pem',
    'check --as-ise https://nac.example:8443 --user ise --password-file pw 00:50:56:A4:89:5A',
  ],
  exitCodes: {
    0: 'registered and compliant; without an identifier: the connection works',
    1: 'not so, or no answer',
  },
} as const satisfies CommandForm

/** `intune-nac check --as-ise` */
export const checkAsIse = defineCommand(form, async ({ values, positionals }, context) => {
  const { user, poll } = values
  const url = URL.parse(values['as-ise'] ?? '')
  const version = ([1, 2, 3] as const).find((known) => String(known) === values['api-version'])
  if (url === null || url.protocol !== 'https:')
    throw new WrongUse('needs the address: --as-ise https://nac.example:8443')
  if (user === undefined || values['password-file'] === undefined) {
    throw new WrongUse('needs --user and --password-file')
  }
  if (version === undefined) throw new WrongUse('takes --api-version 1, 2 or 3')
  if (poll !== undefined && poll !== 'guid' && poll !== 'macaddress') {
    throw new WrongUse('takes --poll guid or --poll macaddress')
  }
  const endpoint = endpointOf(positionals)
  const client = createIseClient({
    url: url.href,
    username: user,
    password: readSecretFile(values['password-file'], '--password-file'),
    apiVersion: version,
    ...(values['ca-file'] !== undefined && { caPem: readAuthorities(values['ca-file']) }),
  })
  try {
    return await ask(client, { endpoint, poll, json: values.json }, context)
  } finally {
    await client.close()
  }
})

async function ask(
  client: IseClient,
  asked: {
    readonly endpoint: Endpoint | undefined
    readonly poll: 'guid' | 'macaddress' | undefined
    readonly json: boolean
  },
  context: CommandContext,
): Promise<ExitCode> {
  const connection = await client.testConnection()
  if (!connection.ok) {
    context.err(explainFault(connection.fault))
    return exitCodes.no
  }
  const { apiVersion, apiPath, product, redirectUrl } = connection.value
  if (!asked.json) {
    context.out('Test Connection: Connection to server is successful with current settings.')
    context.out(
      printable(`  ${product}, API version ${apiVersion} at ${apiPath}, redirect to ${redirectUrl}`),
    )
  }
  let exitCode: ExitCode = exitCodes.fine
  // The device first: a service that has just started lists what it has been asked about.
  if (asked.endpoint !== undefined) {
    const found = await client.lookUp(asked.endpoint)
    if (!found.ok) {
      context.err(explainFault(found.fault))
      return exitCodes.no
    }
    context.out(asked.json ? JSON.stringify(found.value ?? null, null, 2) : asTable(found.value))
    if (!found.value?.registered || !found.value.compliant) exitCode = exitCodes.no
  }
  if (asked.poll !== undefined) {
    const devices = await client.poll(asked.poll)
    if (!devices.ok) {
      context.err(explainFault(devices.fault))
      return exitCodes.no
    }
    const count = devices.value.length
    context.out(asked.json ? JSON.stringify(devices.value, null, 2) : `Poll: ${count} not compliant`)
    if (count === 0) context.err(emptyList)
  }
  return exitCode
}

const emptyList =
  'The list holds the devices that the service knows of: after a start those that it has been asked about, and with STATE_DIR, some minutes later, all of Intune (docs/ise.md).'

/** ISE's own names of what it makes of a reply; they are what authorization conditions are written with. */
function asTable(device: MdmDevice | undefined): string {
  const rows = [
    ['MDMServerReachable', 'Reachable'],
    ['DeviceRegisterStatus', device?.registered ? 'Registered' : 'UnRegistered'],
    ['DeviceCompliantStatus', device?.compliant ? 'Compliant' : 'NonCompliant'],
    ['MDMCompliantFailureReason', device?.failureReason ?? ''],
    ['remediation', device?.remediation ?? ''],
    ...Object.entries(device?.attributes ?? {}),
  ].filter(([, value]) => value !== '')
  const colour = device?.compliant ? 'green' : 'yellow'
  const verdict = coloured(colour, device === undefined ? 'unknown device' : 'known device')
  return `${verdict}\n\n${formatTable(
    ['ISE attribute', 'value'],
    rows.map(([name = '', value = '']) => [name, value]),
  )}`
}

function endpointOf(positionals: readonly string[]): Endpoint | undefined {
  if (positionals.length === 0) return undefined
  const isGuid = (text: string) => /[0-9a-f]{8}-[0-9a-f]{4}-/i.test(text)
  const identity = parseIdentity({
    deviceId: positionals.filter(isGuid),
    mac: positionals.filter((text) => !isGuid(text)),
  })
  if (!identity.ok) throw new WrongUse(identity.fault.message)
  const known = (kind: string) =>
    identity.value.identifiers.find((identifier) => identifier.kind === kind)?.value
  const [guid, macAddress] = [known('deviceId'), known('mac') ?? identity.value.randomizedMac]
  return { ...(guid !== undefined && { guid }), ...(macAddress !== undefined && { macAddress }) }
}
