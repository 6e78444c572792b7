import type { IdentifierKind } from '../identity/device-identity.ts'
import { createNetworks } from '../networks/networks.ts'
import type { FrontendName } from './decide.ts'
import type { DecisionReason } from './decision.ts'
import type { PolicyFacts } from './policy.ts'

/** What a rule asks for; every condition that is there has to hold. In a list, one of its values is enough. */
export interface RuleConditions {
  readonly reason?: readonly DecisionReason[] | undefined
  readonly frontend?: readonly FrontendName[] | undefined
  /** Names of clients; `*` stands for any text here and in the other patterns. */
  readonly client?: readonly string[] | undefined
  /** Addresses or CIDR networks, IPv4 or IPv6. */
  readonly nasAddress?: readonly string[] | undefined
  /** Patterns, upper or lower case alike. */
  readonly nasIdentifier?: readonly string[] | undefined
  /** Patterns. An SSID is case-sensitive (IEEE 802.11: it is a string of octets). */
  readonly ssid?: readonly string[] | undefined
  readonly rank?: readonly number[] | undefined
  readonly matchedBy?: readonly (IdentifierKind | 'none')[] | undefined
  readonly rankConflict?: boolean | undefined
  readonly stale?: boolean | undefined
  /** Holds for a stale fact that is older than this. */
  readonly staleOlderThanSeconds?: number | undefined
  /** Holds where a grace period runs and ends within this time. */
  readonly gracePeriodEndsWithinSeconds?: number | undefined
  readonly ownership?: readonly ('corporate' | 'personal' | 'unknown')[] | undefined
  /** Patterns for the operating system, upper or lower case alike. */
  readonly os?: readonly string[] | undefined
}

/** The name of one condition. */
export type ConditionName = keyof RuleConditions

/** One condition, ready to be asked. */
export interface Condition {
  readonly name: ConditionName
  readonly holds: (facts: PolicyFacts) => boolean
  /** What the fact is, as a person reads it. */
  readonly actual: (facts: PolicyFacts) => string
  /** What the rule wants, as a person reads it. */
  readonly wanted: string
}

/** Turns what a rule asks for into predicates; without conditions, an empty list: the rule applies to everything. */
export function compileConditions(when: RuleConditions): Condition[] {
  return [
    oneOf('reason', when.reason, ({ reason }) => reason),
    oneOf('frontend', when.frontend, ({ request }) => request.frontend),
    pattern('client', when.client, ({ request }) => request.client),
    network(when.nasAddress),
    pattern('nasIdentifier', when.nasIdentifier, ({ request }) => request.context?.nasIdentifier, foldCase),
    pattern('ssid', when.ssid, ({ request }) => request.context?.ssid),
    oneOf('matchedBy', when.matchedBy, ({ matchedBy }) => matchedBy),
    oneOf('rank', when.rank, ({ rank }) => rank),
    oneOf('rankConflict', listed(when.rankConflict), ({ rankConflict }) => rankConflict),
    oneOf('stale', listed(when.stale), ({ stale }) => stale),
    olderThan(when.staleOlderThanSeconds),
    gracePeriodEnds(when.gracePeriodEndsWithinSeconds),
    oneOf('ownership', when.ownership, ({ record }) => record?.details?.ownership ?? 'unknown'),
    pattern('os', when.os, ({ record }) => record?.details?.operatingSystem, foldCase),
  ].filter((condition) => condition !== undefined)
}

/** The predicate of a glob in which `*` stands for any text, also none. Takes time linear in the text for each `*`. */
export function compileGlob(glob: string): (text: string) => boolean {
  const [first = '', ...rest] = glob.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === first
  const middle = rest.filter((part) => part !== '')
  return (text) => {
    if (text.length < first.length + last.length) return false
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let from = first.length
    for (const part of middle) {
      const at = text.indexOf(part, from)
      if (at < 0 || at + part.length > end) return false
      from = at + part.length
    }
    return true
  }
}

function oneOf<T extends string | number | boolean>(
  name: ConditionName,
  values: readonly T[] | undefined,
  actual: (facts: PolicyFacts) => T,
): Condition | undefined {
  if (values === undefined) return undefined
  return {
    name,
    holds: (facts) => values.includes(actual(facts)),
    actual: (facts) => String(actual(facts)),
    wanted: values.join(' or '),
  }
}

function pattern(
  name: ConditionName,
  globs: readonly string[] | undefined,
  actual: (facts: PolicyFacts) => string | undefined,
  fold: (text: string) => string = (text) => text,
): Condition | undefined {
  if (globs === undefined) return undefined
  const matches = globs.map((glob) => compileGlob(fold(glob)))
  return {
    name,
    // What is not known matches nothing, not even `*`.
    holds: (facts) => {
      const text = actual(facts)
      if (text === undefined) return false
      const folded = fold(text)
      return matches.some((match) => match(folded))
    },
    actual: (facts) => quoted(actual(facts)),
    wanted: globs.join(' or '),
  }
}

function network(networks: readonly string[] | undefined): Condition | undefined {
  if (networks === undefined) return undefined
  const list = createNetworks(networks)
  return {
    name: 'nasAddress',
    holds: ({ request }) => {
      const address = request.context?.nasIpAddress
      return address !== undefined && list.contains(address)
    },
    actual: ({ request }) => quoted(request.context?.nasIpAddress),
    wanted: networks.join(' or '),
  }
}

function olderThan(seconds: number | undefined): Condition | undefined {
  if (seconds === undefined) return undefined
  return {
    name: 'staleOlderThanSeconds',
    holds: ({ stale, ageMs }) => stale && ageMs > seconds * 1000,
    actual: ({ stale, ageMs }) => (stale ? `stale, ${Math.floor(ageMs / 1000)} s old` : 'not stale'),
    wanted: `stale for more than ${seconds} s`,
  }
}

function gracePeriodEnds(seconds: number | undefined): Condition | undefined {
  if (seconds === undefined) return undefined
  const leftMs = ({ record, nowMs }: PolicyFacts) => (record?.gracePeriodEndsMs ?? nowMs) - nowMs
  return {
    name: 'gracePeriodEndsWithinSeconds',
    holds: (facts) => facts.reason === 'in_grace_period' && leftMs(facts) <= seconds * 1000,
    actual: (facts) =>
      facts.reason === 'in_grace_period' ? `${Math.ceil(leftMs(facts) / 1000)} s left` : 'no grace period',
    wanted: `at most ${seconds} s left`,
  }
}

function listed<T>(value: T | undefined): readonly T[] | undefined {
  return value === undefined ? undefined : [value]
}

function foldCase(text: string): string {
  return text.toLowerCase()
}

/** Text of a supplicant, so that a terminal shows it as it is and nothing more. */
function quoted(text: string | undefined): string {
  return text === undefined ? 'not known' : JSON.stringify(text.slice(0, 80)).replace(/[^\x20-\x7e]/g, '?')
}
