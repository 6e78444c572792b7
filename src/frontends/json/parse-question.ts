import { failure, type Outcome, success } from '../../errors/fault.ts'
import type { IdentityAttributes } from '../../identity/device-identity.ts'
import { nearestIdentifierName } from '../../identity/nearest-identifier.ts'
import { identifierNames } from './schema.ts'

/** What was asked, of the right shape; the texts are not parsed yet. */
export interface DecisionQuestion {
  readonly attributes: IdentityAttributes
  readonly refresh: boolean
}

const acceptedNames: readonly string[] = [...identifierNames, 'refresh']
const knownIdentifiers: ReadonlySet<string> = new Set(identifierNames)
/** A device has a handful of addresses; more values of one name are a mistake or an attack. */
const maxValues = 16

/**
 * Reads the query of GET /v1/decision, as Fastify parsed it: texts, and lists of texts where a name is repeated.
 * Checked by hand, because it runs for every request; schema.ts is what it checks against.
 * Fails with `request_malformed` (field: the parameter).
 */
export function parseDecisionQuery(query: unknown): Outcome<DecisionQuestion> {
  return parseQuestion(query, 'query parameter', (refresh) => {
    if (refresh === 'true') return true
    return refresh === 'false' ? false : undefined
  })
}

/** Reads the body of POST /v1/decision, any JSON value; null is absent. Fails with `request_malformed` (field: the key). */
export function parseDecisionBody(body: unknown): Outcome<DecisionQuestion> {
  return parseQuestion(body, 'key', (refresh) => (typeof refresh === 'boolean' ? refresh : undefined))
}

function parseQuestion(
  given: unknown,
  what: 'query parameter' | 'key',
  parseRefresh: (value: unknown) => boolean | undefined,
): Outcome<DecisionQuestion> {
  if (!isRecord(given)) return failure('request_malformed', 'The request body must be a JSON object.')
  const attributes: Record<string, string | readonly string[]> = {}
  let refresh = false
  for (const name of Object.keys(given)) {
    const value = given[name]
    // Many a serialiser writes null for what is not there; an unknown name is a mistake all the same.
    if (value === null && what === 'key' && acceptedNames.includes(name)) continue
    if (name === 'refresh') {
      const parsed = parseRefresh(value)
      if (parsed === undefined) {
        return failure('request_malformed', 'refresh must be true or false, given once.', { field: name })
      }
      refresh = parsed
    } else if (!knownIdentifiers.has(name)) {
      return unknownName(name, what)
    } else if (typeof value === 'string' || isTextList(value)) {
      attributes[name] = value
    } else {
      return failure('request_malformed', `${name} must be a text or a list of at most ${maxValues} texts.`, {
        field: name,
      })
    }
  }
  return success({ attributes, refresh })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= maxValues && value.every((item) => typeof item === 'string')
}

function unknownName(name: string, what: string) {
  const shown = name.slice(0, 40).replace(/[^\x20-\x7e]|["\\]/g, '?')
  const nearest = nearestIdentifierName(name, acceptedNames)
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  return failure(
    'request_malformed',
    `"${shown}" is not a known ${what}.${hint} Accepted: ${acceptedNames.join(', ')}.`,
    { field: shown },
  )
}
