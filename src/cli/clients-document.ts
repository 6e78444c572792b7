import { existsSync } from 'node:fs'
import { type Document, parseDocument } from 'yaml'
import { readOperatorFile } from '../files/read-operator-file.ts'
import { type ClientList, maxClientsFileBytes, parseClients } from '../server/clients.ts'
import { printable } from '../text/printable.ts'
import { type CommandContext, UnusableFile, WrongUse } from './command.ts'
import type { CommandOptions } from './command-form.ts'
import { replaceFile } from './replace-file.ts'

/** A clients file, and its text as a document whose comments and order stay when it is written again. */
export interface ClientsDocument {
  readonly file: string
  readonly document: Document
  readonly list: ClientList
}

/** `--file`, of every command about clients. */
export const clientsFileOption = {
  file: {
    type: 'string',
    argument: 'FILE',
    meaning: 'the clients file (default: what CLIENTS_FILE names)',
  },
} as const satisfies CommandOptions

/** The file that `--file` or CLIENTS_FILE names. */
export function clientsFileOf(given: string | undefined, context: CommandContext): string {
  const file = given ?? context.environment.CLIENTS_FILE
  if (!file) throw new WrongUse('needs --file FILE or CLIENTS_FILE')
  return file
}

/** Reads a clients file that is right, or throws UnusableFile with every problem. `absent` is the text of a file that is not there. */
export function readClientsFile(
  given: string | undefined,
  context: CommandContext,
  absent?: string,
): ClientsDocument {
  const file = clientsFileOf(given, context)
  if (!existsSync(file) && absent === undefined) throw new UnusableFile(`${file} is not there`)
  const content = existsSync(file) ? readExisting(file) : Buffer.from(absent ?? '')
  const list = parseClients(content, file)
  if (!list.ok) throw new UnusableFile(`${file} was left as it is:`, list.fault.message.split('\n'))
  return { file, document: parseDocument(content.toString('utf8')), list: list.value }
}

/** As the service reads it: what it would refuse is of no use here either. */
function readExisting(file: string): Buffer {
  const read = readOperatorFile(file, maxClientsFileBytes)
  if (read.ok) return read.value
  throw new UnusableFile(`cannot read the clients file ${printable(file)}, which ${read.why}`)
}

/** Replaces the file whole, so that a service that reads it never sees half of it. Nothing is written that the service would refuse. */
export function writeClientsFile(file: string, document: Document): void {
  // The group may be that of the service; nobody else has to know the hashes.
  replaceFile(file, checkClientsFile(file, document), (before = 0o600) => before & 0o640)
}

/** The text of the document, or UnusableFile where the service would refuse it. */
export function checkClientsFile(file: string, document: Document): string {
  const text = document.toString()
  const parsed = parseClients(text, file)
  if (parsed.ok) return text
  throw new UnusableFile('nothing was written:', parsed.fault.message.split('\n'))
}
