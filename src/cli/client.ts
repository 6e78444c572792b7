import { addClient } from './client-add.ts'
import { readClientsFile, writeClientsFile } from './clients-document.ts'
import { type Command, exitCodes, parseCommandLine, WrongUse } from './command.ts'
import { formatTable } from './table.ts'

/**
 * `intune-nac client add|list|remove`: who may ask, in CLIENTS_FILE or --file. A running service follows the file
 * within two seconds.
 */
export const client: Command = async (args, context) => {
  const [action, ...rest] = args
  switch (action) {
    case 'add':
      return addClient(rest, context)
    case 'list':
      return listClients(rest, context)
    case 'remove':
      return removeClient(rest, context)
    default:
      throw new WrongUse('is used as: client add NAME, client list or client remove NAME')
  }
}

/** Names, kinds of credentials, front ends, networks and limits; never a hash. */
const listClients: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, { file: { type: 'string' } })
  if (positionals.length > 0) throw new WrongUse('is used as: client list [--file FILE]')
  const { list } = readClientsFile(values.file, context)
  const rows = list.clients.map(
    ({ name, frontends, basic, bearer, certificate, networks, rateLimitPerSecond: rate }) => [
      name,
      [basic && 'basic', bearer && 'bearer', certificate && 'certificate'].filter(Boolean).join('+'),
      frontends.join(','),
      networks?.texts.join(',') ?? 'any',
      rate === undefined ? 'none' : `${rate}/s`,
    ],
  )
  context.out(formatTable(['name', 'credentials', 'front ends', 'networks', 'rate limit'], rows))
  return exitCodes.fine
}

const removeClient: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, { file: { type: 'string' } })
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0) {
    throw new WrongUse('is used as: client remove NAME [--file FILE]')
  }
  const { file, document, list } = readClientsFile(values.file, context)
  const index = list.clients.findIndex((one) => one.name === name)
  if (index === -1) {
    context.err(`There is no client ${JSON.stringify(name)} in ${file}.`)
    return exitCodes.no
  }
  document.deleteIn(['clients', index])
  writeClientsFile(file, document)
  context.err(`${name} was removed from ${file}; a running service refuses it within 2 seconds.`)
  return exitCodes.fine
}
