import { existsSync } from 'node:fs'
import { isSeq } from 'yaml'
import { createSecret, hashSecret } from '../server/secret-hash.ts'
import { printable } from '../text/printable.ts'
import {
  checkClientsFile,
  clientsFileOf,
  clientsFileOption,
  readClientsFile,
  writeClientsFile,
} from './clients-document.ts'
import { exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { isReplaceableByAnybody, replaceFile } from './replace-file.ts'

const form = {
  name: 'client add',
  usage: ['NAME [options]'],
  does: [
    'Makes a credential, prints it once, and adds its hash to the clients file; a running service knows',
    'it within 2 seconds. With --certificate-subject or --certificate-san alone there is no secret;',
    'beside --basic or --bearer the certificate is needed as well.',
  ],
  operands: { NAME: 'name of the client; with --basic also its user name' },
  options: {
    ...clientsFileOption,
    basic: { type: 'boolean', default: false, meaning: 'a password for HTTP Basic, as Cisco ISE has it' },
    bearer: { type: 'boolean', default: false, meaning: 'a bearer token; so it is when nothing is said' },
    'certificate-subject': {
      type: 'string',
      argument: 'DN',
      meaning: 'subject of its certificate, as RFC 4514 writes it',
    },
    'certificate-san': {
      type: 'string',
      argument: 'SAN',
      meaning: 'a name of its certificate: DNS:..., URI:... or email:...',
    },
    'rate-limit': { type: 'string', argument: 'NUMBER', meaning: 'requests a second (default: no limit)' },
    network: {
      type: 'string',
      argument: 'CIDR',
      multiple: true,
      meaning: 'where it may ask from (default: anywhere)',
    },
    frontend: {
      type: 'string',
      argument: 'NAME',
      multiple: true,
      meaning: 'json, radius, ise, management (default: the first 3)',
    },
    scope: {
      type: 'string',
      argument: 'NAME',
      multiple: true,
      meaning: 'with management: read, operate, admin (default: all)',
    },
    'secret-file': {
      type: 'string',
      argument: 'FILE',
      meaning: 'write the secret there, do not print it; for its owner alone (0600)',
    },
    'if-missing': {
      type: 'boolean',
      default: false,
      meaning: 'do nothing when the clients file is there already',
    },
  },
  examples: [
    'client add ise-psn-1 --basic --frontend ise --network 10.1.0.0/16 --file clients.yaml',
    'client add radius-1 --certificate-san DNS:radius-1.contoso.example',
  ],
} as const satisfies CommandForm

/** `intune-nac client add` */
export const addClient = defineCommand(form, async ({ values, positionals }, context) => {
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0) throw new WrongUse('needs the name of one client')
  if (values.basic && values.bearer) throw new WrongUse('takes --basic or --bearer, not both')
  const { 'certificate-subject': subject, 'certificate-san': san, 'secret-file': secretFile } = values
  const certificate = (subject !== undefined || san !== undefined) && {
    ...(subject !== undefined && { subject }),
    ...(san !== undefined && { san }),
  }
  const secret = certificate && !values.basic && !values.bearer ? undefined : createSecret()
  if (secret === undefined && secretFile !== undefined) {
    throw new WrongUse('has no secret to write: add --basic or --bearer, or leave --secret-file out')
  }
  if (values['if-missing'] && existsSync(clientsFileOf(values.file, context))) return exitCodes.fine
  const { file, document } = readClientsFile(values.file, context, 'clients: []\n')
  const hash = secret === undefined ? undefined : await hashSecret(secret)
  const entry = {
    name,
    ...(values.frontend && { frontends: values.frontend }),
    ...(values.scope && { scopes: values.scope }),
    ...(values.network && { networks: values.network }),
    ...(values['rate-limit'] !== undefined && { rateLimitPerSecond: Number(values['rate-limit']) }),
    ...(hash &&
      (values.basic ? { basic: { username: name, passwordHash: hash } } : { bearer: { tokenHash: hash } })),
    ...(certificate && { certificate }),
  }
  document.addIn(['clients'], document.createNode(entry))
  // `clients: []` would have every entry on one line, which nobody can edit.
  const list = document.get('clients')
  if (isSeq(list)) list.flow = false
  checkClientsFile(file, document)
  // First the secret: a client whose secret nobody has would be of no use.
  if (secret !== undefined && secretFile !== undefined) replaceFile(secretFile, secret, () => 0o600)
  writeClientsFile(file, document)
  if (secret === undefined) {
    context.err(
      `${name} is known by its certificate; the listener that it asks needs SERVICE_TLS_CLIENT_CA_FILE or, for the front end management, MANAGEMENT_TLS_CLIENT_CA_FILE.`,
    )
  } else if (secretFile === undefined) {
    context.out(values.basic ? `user name: ${name}\npassword:  ${secret}` : `token: ${secret}`)
    context.err(`It is shown this once; ${printable(file)} holds only its hash.`)
  } else {
    context.err(`The secret is in ${printable(secretFile)}; ${printable(file)} holds only its hash.`)
    if (isReplaceableByAnybody(secretFile))
      context.err(`warning: anybody on this machine may replace files beside ${printable(secretFile)}`)
  }
  return exitCodes.fine
})
