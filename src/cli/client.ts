import { managementScopes } from '../server/management-scopes.ts'
import { addClient } from './client-add.ts'
import { clientsFileOption, readClientsFile, writeClientsFile } from './clients-document.ts'
import { type Command, exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { formatTable } from './table.ts'

const listForm = {
  name: 'client list',
  usage: ['[--file FILE]'],
  does: ['Lists the clients: kinds of credentials, front ends, networks and limits; never a hash.'],
  options: clientsFileOption,
  examples: ['client list --file clients.yaml'],
} as const satisfies CommandForm

const listClients = defineCommand(listForm, async ({ values }, context) => {
  const { list } = readClientsFile(values.file, context)
  const rows = list.clients.map(
    ({ name, frontends, scopes, basic, bearer, certificate, networks, rateLimitPerSecond: rate }) => [
      name,
      [basic && 'basic', bearer && 'bearer', certificate && 'certificate'].filter(Boolean).join('+'),
      frontends.map((door) => (door === 'management' ? presentScopes(scopes) : door)).join(','),
      networks?.texts.join(',') ?? 'any',
      rate === undefined ? 'none' : `${rate}/s`,
    ],
  )
  context.out(formatTable(['name', 'credentials', 'front ends', 'networks', 'rate limit'], rows))
  return exitCodes.fine
})

/** All of them are not said. */
function presentScopes(scopes: readonly string[] = []): string {
  return scopes.length === managementScopes.length ? 'management' : `management (${scopes.join('+')})`
}

const removeForm = {
  name: 'client remove',
  usage: ['NAME [--file FILE]'],
  does: ['Takes a client out of the clients file; a running service refuses it within 2 seconds.'],
  operands: { NAME: 'name of the client' },
  options: clientsFileOption,
  examples: ['client remove ise-psn-1 --file clients.yaml'],
  exitCodes: { 0: 'removed', 1: 'there is no such client' },
} as const satisfies CommandForm

const removeClient = defineCommand(removeForm, async ({ values, positionals }, context) => {
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0) throw new WrongUse('needs the name of one client')
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
})

const actions: Readonly<Record<string, Command>> = { add: addClient, list: listClients, remove: removeClient }

/** `intune-nac client add|list|remove`: who may ask, in CLIENTS_FILE or --file. */
export const client: Command = {
  forms: Object.values(actions).flatMap((action) => action.forms),
  run: async ([name = '', ...args], context) => {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (!action) throw new WrongUse('is used as: client add NAME, client list or client remove NAME')
    return action.run(args, context)
  },
}
