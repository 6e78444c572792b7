import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { parseClients } from '../server/clients.ts'
import { createSecret, hashSecret } from '../server/secret-hash.ts'
import { type Command, exitCodes, parseCommandLine, WrongUse } from './command.ts'

/**
 * `intune-nac client add NAME`: makes a credential, prints it once, and adds its hash to CLIENTS_FILE (or --file).
 * Comments and order of the file stay. `--basic` (user name is NAME) or `--bearer` (default). `--secret-file` writes the
 * secret there instead of printing it; `--if-missing` leaves everything alone when the clients file is there already.
 */
export const client: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, {
    file: { type: 'string' },
    basic: { type: 'boolean', default: false },
    bearer: { type: 'boolean', default: false },
    frontend: { type: 'string', multiple: true },
    'secret-file': { type: 'string' },
    'if-missing': { type: 'boolean', default: false },
  })
  const [action, name, ...more] = positionals
  if (action !== 'add' || name === undefined || more.length > 0)
    throw new WrongUse('is used as: client add NAME [--basic|--bearer] [--frontend json] [--file FILE]')
  if (values.basic && values.bearer) throw new WrongUse('takes --basic or --bearer, not both')
  const file = values.file ?? context.environment.CLIENTS_FILE
  if (!file) throw new WrongUse('needs --file FILE or CLIENTS_FILE')
  if (values['if-missing'] && existsSync(file)) return exitCodes.fine
  const secret = createSecret()
  const hash = await hashSecret(secret)
  const credential = values.basic
    ? { basic: { username: name, passwordHash: hash } }
    : { bearer: { tokenHash: hash } }
  const entry = { name, ...(values.frontend && { frontends: values.frontend }), ...credential }
  const document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : 'clients: []\n')
  if (document.errors.length > 0 || !document.has('clients'))
    throw new WrongUse(`${file} is not a clients file; it was left as it is`)
  document.addIn(['clients'], document.createNode(entry))
  const text = document.toString()
  const parsed = parseClients(text, file)
  if (!parsed.ok) throw new WrongUse(`nothing was written: ${parsed.fault.message}`)
  // Written beside and renamed, so that a service that reads the file never sees half of it.
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  const secretFile = values['secret-file']
  if (secretFile === undefined) {
    context.out(values.basic ? `user name: ${name}\npassword:  ${secret}` : `token: ${secret}`)
    context.err(`It is shown this once; ${file} holds only its hash.`)
  } else {
    writeFileSync(secretFile, secret, { mode: 0o600 })
    context.err(`The secret is in ${secretFile}; ${file} holds only its hash.`)
  }
  return exitCodes.fine
}
