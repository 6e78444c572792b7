import { z } from 'zod'
import { DecisionTrace } from '../trace/decision-trace.ts'
import { type Command, exitCodes, parseCommandLine, WrongUse } from './command.ts'
import { explainTrace } from './explain-trace.ts'
import { readSecretFile } from './read-option-file.ts'

const example =
  'why <decisionId or identifier> [--url http://127.0.0.1:9090] [--token-file FILE | --user NAME --password-file FILE] [--json]'
const decisionIdForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const Found = z.object({ decisions: z.array(DecisionTrace) })
const timeoutMs = 10_000

/**
 * `intune-nac why <decisionId or identifier> [--url URL] [--json]`: asks the management listener of the running service
 * how a decision came about and tells it as a story; of a device, its last decision. From another machine it needs the
 * credentials of a client with `frontends: [management]`. Exit code 0 is found, 1 is not.
 */
export const why: Command = async (args, context) => {
  const { values, positionals } = parseCommandLine(args, {
    url: { type: 'string' },
    'token-file': { type: 'string' },
    user: { type: 'string' },
    'password-file': { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const [asked, ...more] = positionals
  if (asked === undefined || more.length > 0) throw new WrongUse(`is used as: ${example}`)
  const base = URL.parse(values.url ?? 'http://127.0.0.1:9090')
  if (base === null || !/^https?:$/.test(base.protocol)) throw new WrongUse(`--url is an address: ${example}`)
  const listener = { base, authorization: authorizationOf(values) }
  try {
    const traces = await findTraces(listener, asked)
    const [newest, ...older] = traces
    if (newest === undefined) {
      context.err(
        `No decision is known for ${asked}. The service remembers the last 20,000 decisions since its start, with TRACE_STORE=on those of 24 hours; the decision log has the older ones.`,
      )
      return exitCodes.no
    }
    if (values.json) context.out(JSON.stringify(newest, null, 2))
    else {
      context.out(explainTrace(newest))
      if (older.length > 0) {
        context.out('\nEarlier decisions about this device:')
        for (const trace of older)
          context.out(`  ${trace.decidedAt}  ${trace.decision}: ${trace.reason}  ${trace.decisionId}`)
      }
    }
    return exitCodes.fine
  } catch (error) {
    if (error instanceof WrongUse) throw error
    if (error instanceof Refused) {
      context.err(error.message)
      return exitCodes.no
    }
    context.err(`The management listener at ${base.origin} gave no answer that can be read.`)
    return exitCodes.no
  }
}

class Refused extends Error {}

interface Listener {
  readonly base: URL
  /** Value of the Authorization header; empty for none. */
  readonly authorization: string
}

function authorizationOf(values: {
  readonly 'token-file'?: string | undefined
  readonly user?: string | undefined
  readonly 'password-file'?: string | undefined
}): string {
  const { 'token-file': tokenFile, user, 'password-file': passwordFile } = values
  const isBasic = user !== undefined || passwordFile !== undefined
  if (tokenFile !== undefined && isBasic) throw new WrongUse(`takes one kind of credentials: ${example}`)
  if (tokenFile !== undefined) return `Bearer ${readSecretFile(tokenFile, '--token-file')}`
  if (!isBasic) return ''
  if (user === undefined || passwordFile === undefined) {
    throw new WrongUse(`needs both --user and --password-file: ${example}`)
  }
  const password = readSecretFile(passwordFile, '--password-file')
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** A GUID may be a decision or an Intune device id: both are tried. */
async function findTraces(listener: Listener, asked: string): Promise<readonly DecisionTrace[]> {
  if (decisionIdForm.test(asked)) {
    const found = await fetchJson(listener, `/decisions/${asked.toLowerCase()}`)
    if (found !== undefined) return [DecisionTrace.parse(found)]
  }
  const found = await fetchJson(listener, `/decisions?${new URLSearchParams({ device: asked, limit: '10' })}`)
  return Found.parse(found).decisions
}

async function fetchJson({ base, authorization }: Listener, path: string): Promise<unknown> {
  const reply = await fetch(new URL(path, base), {
    headers: authorization === '' ? {} : { authorization },
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (reply.status === 404) return undefined
  if (reply.status === 400)
    throw new WrongUse('takes a decision id or an identifier: 00:50:56:A4:89:5A, a GUID, a serial number')
  if (reply.status === 401 || reply.status === 403) {
    throw new Refused(
      `${base.origin} refuses (${reply.status}). From another machine it takes --token-file, or --user and --password-file, of a client with frontends: [management] (docs/clients.md).`,
    )
  }
  if (!reply.ok) throw new Error(`status ${reply.status}`)
  return reply.json()
}
