import type { Clock } from '../clock.ts'
import { failure, type Outcome, success } from '../errors/fault.ts'
import { fileState, followFile } from '../files/followed-file.ts'
import { readOperatorFile } from '../files/read-operator-file.ts'
import { describeFileFault } from '../text/decode.ts'
import { type ClientList, type ClientsFileOptions, maxClientsFileBytes, parseClients } from './clients.ts'

/** The clients file as the service follows it. */
export interface FollowedClients {
  /** The file as it was at the start. */
  readonly initial: ClientList
  /** What is wrong with the file now, `file:line:column: problem` on each line; undefined: it is in force. */
  problem(): string | undefined
  close(): void
}

/** What became of one change of the file. */
export type ClientsChange =
  | { readonly taken: true; readonly list: ClientList }
  | { readonly taken: false; readonly problem: string }

/**
 * Reads CLIENTS_FILE and follows it: a change is passed on within two seconds, and a file that is wrong is refused once
 * and leaves the clients in force. A file that is wrong now fails with `configuration_invalid`.
 */
export function openClients(
  file: string,
  parts: ClientsFileOptions & { readonly clock: Clock; readonly onChange: (change: ClientsChange) => void },
): Outcome<FollowedClients> {
  const { clock, onChange } = parts
  const state = fileState(file)
  const initial = readClients(file, parts)
  if (!initial.ok) return initial
  let problem: string | undefined
  const close = followFile({
    file,
    state,
    clock,
    maxBytes: maxClientsFileBytes,
    onChange(read) {
      const parsed = read.ok ? parseClients(read.value, file, parts) : unreadable(file, read.why)
      problem = parsed.ok ? undefined : parsed.fault.message
      onChange(
        parsed.ok ? { taken: true, list: parsed.value } : { taken: false, problem: parsed.fault.message },
      )
    },
  })
  return success({ initial: initial.value, problem: () => problem, close })
}

/** Reads a clients file once. Fails with `configuration_invalid`, naming line and column of each problem. */
export function readClients(file: string, options: ClientsFileOptions): Outcome<ClientList> {
  const read = readOperatorFile(file, maxClientsFileBytes)
  return read.ok ? parseClients(read.value, file, options) : unreadable(file, read.why)
}

function unreadable(file: string, why: string) {
  return failure('configuration_invalid', describeFileFault('CLIENTS_FILE', file, why), {
    field: 'CLIENTS_FILE',
  })
}
