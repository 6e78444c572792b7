import { existsSync, writeFileSync } from 'node:fs'
import { createSecret, hashSecret } from '../server/secret-hash.ts'
import { clientsFileOf, readClientsFile, writeClientsFile } from './clients-document.ts'
import { type Command, exitCodes, parseCommandLine, WrongUse } from './command.ts'

/**
 * `intune-nac client add NAME`: makes a credential, prints it once, and adds its hash to the clients file. `--basic` (user
 * name is NAME) or `--bearer` (default). With `--certificate-subject` or `--certificate-san` alone there is no secret;
 * beside a secret the certificate is needed as well. `--frontend` (json, radius, ise, or management for what that listener
 * keeps from other machines) and `--network` may be repeated, `--rate-limit` is in requests a second. `--secret-file` writes
 * the secret there instead of printing it; `--if-missing` leaves everything alone when the clients file is there already.
 */
export const addClient: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, {
    file: { type: 'string' },
    basic: { type: 'boolean', default: false },
    bearer: { type: 'boolean', default: false },
    'certificate-subject': { type: 'string' },
    'certificate-san': { type: 'string' },
    'rate-limit': { type: 'string' },
    network: { type: 'string', multiple: true },
    frontend: { type: 'string', multiple: true },
    'secret-file': { type: 'string' },
    'if-missing': { type: 'boolean', default: false },
  })
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0)
    throw new WrongUse(
      'is used as: client add NAME [--basic|--bearer] [--frontend json|radius|ise|management] [--file FILE]',
    )
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
    ...(values.network && { networks: values.network }),
    ...(values['rate-limit'] !== undefined && { rateLimitPerSecond: Number(values['rate-limit']) }),
    ...(hash &&
      (values.basic ? { basic: { username: name, passwordHash: hash } } : { bearer: { tokenHash: hash } })),
    ...(certificate && { certificate }),
  }
  document.addIn(['clients'], document.createNode(entry))
  writeClientsFile(file, document)
  if (secret === undefined) {
    context.err(`${name} is known by its certificate; the service needs SERVICE_TLS_CLIENT_CA_FILE.`)
  } else if (secretFile === undefined) {
    context.out(values.basic ? `user name: ${name}\npassword:  ${secret}` : `token: ${secret}`)
    context.err(`It is shown this once; ${file} holds only its hash.`)
  } else {
    writeFileSync(secretFile, secret, { mode: 0o600 })
    context.err(`The secret is in ${secretFile}; ${file} holds only its hash.`)
  }
  return exitCodes.fine
}
