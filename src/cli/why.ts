import { getCACertificates } from 'node:tls'
import { Agent, fetch } from 'undici'
import { z } from 'zod'
import { printable, printableValues } from '../text/printable.ts'
import { tlsProtocol, verifiesPeer } from '../tls/secure-defaults.ts'
import { DecisionTrace } from '../trace/decision-trace.ts'
import type { FoundTraces } from '../trace/trace-store.ts'
import { type CommandContext, exitCodes, UnusableFile, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configuredListeners } from './configured.ts'
import { explainTrace } from './explain-trace.ts'
import { identifierValue } from './identifier-argument.ts'
import { parseUrl, reasonOf, type Target, targetOf, trustOf } from './own-listener.ts'
import { readAuthorities, readSecretFile } from './read-option-file.ts'

const decisionIdForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const Found = z.object({ decisions: z.array(DecisionTrace), complete: z.boolean().default(true) })
const timeoutMs = 10_000

const form = {
  name: 'why',
  usage: ['DECISION_ID [options]', 'IDENTIFIER [options]'],
  does: [
    'Asks the management listener of the running service how a decision came about, of a device the last',
    'one, and tells it as a story. From another machine that takes the credentials of a client with',
    'frontends: [management] (docs/clients.md).',
  ],
  operands: {
    DECISION_ID: 'decisionId of an answer or of the decision log',
    IDENTIFIER: 'a MAC address, an Intune device id, a serial number ...',
  },
  options: {
    url: {
      type: 'string',
      argument: 'URL',
      meaning: 'management listener (default: that of MANAGEMENT_HOST and MANAGEMENT_PORT)',
    },
    'token-file': { type: 'string', argument: 'FILE', meaning: 'file with the bearer token of a client' },
    user: { type: 'string', argument: 'NAME', meaning: 'or its user name, with --password-file' },
    'password-file': { type: 'string', argument: 'FILE', meaning: 'file with the password of --user' },
    'ca-file': {
      type: 'string',
      argument: 'FILE',
      meaning: 'with --url: PEM of authorities that are trusted besides the public ones',
    },
    json: { type: 'boolean', default: false, meaning: 'the last decision as JSON' },
  },
  examples: [
    'why 00:50:56:A4:89:5A',
    'why 5c8f0f5e-7c1d-4c55-9b3e-0f4f5f0a6f0e --url http://nac-1:9090 --token-file token',
  ],
  exitCodes: {
    0: 'found',
    1: 'not known, refused, or no answer',
    78: 'MANAGEMENT_HOST or MANAGEMENT_PORT is wrong',
  },
} as const satisfies CommandForm

/** `intune-nac why` */
export const why = defineCommand(form, async ({ values, positionals }, context) => {
  const [given, ...more] = positionals
  const asked = given === undefined ? undefined : identifierValue(given)
  if (asked === undefined || more.length > 0) {
    throw new WrongUse('needs one decision id or identifier: why 00:50:56:A4:89:5A')
  }
  const target = targetFor(values.url, context)
  if (target === undefined) return exitCodes.wrongConfiguration
  const base = target.url
  const authorization = authorizationOf(values)
  try {
    const listener = { base, authorization, dispatcher: await dispatcherFor(target, values['ca-file']) }
    const { traces, isComplete } = await findTraces(listener, asked)
    const [newest, ...older] = traces
    if (!isComplete) context.err('The search ended before the oldest of the stored stories.')
    if (newest === undefined) {
      context.err(
        `No decision is known for ${printable(asked)}. The service remembers the last 20,000 decisions since its start, with TRACE_STORE=on those of 24 hours; the decision log has the older ones:`,
      )
      for (const command of searchCommands(asked, context)) context.err(`  ${command}`)
      return exitCodes.no
    }
    if (values.json) context.out(JSON.stringify(newest, null, 2))
    else {
      context.out(explainTrace(printableValues(newest)))
      if (older.length > 0) {
        context.out('\nEarlier decisions about this device:')
        for (const trace of older.map(printableValues))
          context.out(`  ${trace.decidedAt}  ${trace.decision}: ${trace.reason}  ${trace.decisionId}`)
      }
    }
    return exitCodes.fine
  } catch (error) {
    if (error instanceof WrongUse || error instanceof UnusableFile) throw error
    if (error instanceof Refused) {
      context.err(error.message)
      return exitCodes.no
    }
    context.err(
      `The management listener at ${base.origin} gave no answer that can be read: ${printable(reasonOf(error, timeoutMs))}`,
    )
    return exitCodes.no
  }
})

/** Undefined after it was printed what is wrong with the variables. */
function targetFor(given: string | undefined, context: CommandContext): Target | undefined {
  if (given === undefined) {
    const listener = configuredListeners(context)?.management
    return listener && targetOf(listener, listener.tls)
  }
  return { url: parseUrl(given) }
}

/** Verified and without a proxy, whatever Node was told: credentials go along. */
async function dispatcherFor(target: Target, caFile: string | undefined): Promise<Agent> {
  const authorities = caFile !== undefined && {
    ca: [...getCACertificates('default'), readAuthorities(caFile)],
  }
  const trust = (await trustOf(target)) ?? authorities
  return new Agent({ connect: { ...tlsProtocol, ...verifiesPeer, ...trust } })
}

/** The commands that look for it in the decision log, ready for a shell. */
function searchCommands(asked: string, { environment }: CommandContext): readonly string[] {
  const { DECISION_LOG_FILE: file } = environment
  const search = `intune-nac log show ${file ? shellWord(file) : 'FILE'}`
  const byDevice = `${search} --device=${shellWord(asked)}`
  const commands = decisionIdForm.test(asked)
    ? [`${search} --id ${asked.toLowerCase()}`, byDevice]
    : [byDevice]
  return file
    ? commands
    : [...commands, '(FILE is DECISION_LOG_FILE of the service, or - for its output on standard input)']
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${printable(text).replaceAll("'", "'\\''")}'`
}

class Refused extends Error {}

interface Listener {
  readonly base: URL
  /** Value of the Authorization header; empty for none. */
  readonly authorization: string
  readonly dispatcher: Agent
}

function authorizationOf(values: {
  readonly 'token-file'?: string | undefined
  readonly user?: string | undefined
  readonly 'password-file'?: string | undefined
}): string {
  const { 'token-file': tokenFile, user, 'password-file': passwordFile } = values
  const isBasic = user !== undefined || passwordFile !== undefined
  if (tokenFile !== undefined && isBasic)
    throw new WrongUse('takes one kind of credentials: --token-file, or --user and --password-file')
  if (tokenFile !== undefined) return `Bearer ${readSecretFile(tokenFile, '--token-file')}`
  if (!isBasic) return ''
  if (user === undefined || passwordFile === undefined) {
    throw new WrongUse('needs both --user and --password-file')
  }
  const password = readSecretFile(passwordFile, '--password-file')
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** A GUID may be a decision or an Intune device id: both are tried. */
async function findTraces(listener: Listener, asked: string): Promise<FoundTraces> {
  if (decisionIdForm.test(asked)) {
    const found = await fetchJson(listener, `/decisions/${asked.toLowerCase()}`)
    if (found !== undefined) return { traces: [DecisionTrace.parse(found)], isComplete: true }
  }
  const found = await fetchJson(listener, `/decisions?${new URLSearchParams({ device: asked, limit: '10' })}`)
  const { decisions, complete } = Found.parse(found)
  return { traces: decisions, isComplete: complete }
}

async function fetchJson({ base, authorization, dispatcher }: Listener, path: string): Promise<unknown> {
  const reply = await fetch(new URL(path, base), {
    dispatcher,
    headers: authorization === '' ? {} : { authorization },
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (reply.status === 404) return undefined
  if (reply.status === 400)
    throw new WrongUse('takes a decision id or an identifier: 00:50:56:A4:89:5A, a GUID, a serial number')
  if (reply.status === 401 || reply.status === 403) {
    throw new Refused(
      `${base.origin} refuses (${reply.status}). From another machine it takes --token-file, or --user and --password-file, of a client with frontends: [management] and the scope read (docs/clients.md).`,
    )
  }
  if (reply.status === 429 || reply.status === 503) {
    throw new Refused(`${base.origin} has too much to do (${reply.status}): ask again in a moment.`)
  }
  if (!reply.ok) throw new Error(`status ${reply.status}`)
  return reply.json()
}
