import type { IdentifierKind } from '../identity/device-identity.ts'
import { createNetworks } from '../networks/networks.ts'
import type { FrontendName } from './decide.ts'
import type { DecisionReason } from './decision.ts'
import {
  type DeviceConditionName,
  isNamed,
  presentNames,
  presentWanted,
  type WantedDevices,
} from './device-conditions.ts'
import type { PolicyFacts } from './policy.ts'
import { rememberLast } from './remember-last.ts'
import {
  type ContextConditionName,
  type ContextText,
  contextConditions,
  isUnknown,
  textsOf,
} from './request-context.ts'
import { compileGlob, compileTextPatterns, judge, type Truth, unknownWord } from './text-pattern.ts'

/** What a rule asks for; every condition that is there has to hold. In a list, one of its values is enough. */
export interface RuleConditions {
  readonly reason?: readonly DecisionReason[] | undefined
  readonly frontend?: readonly FrontendName[] | undefined
  /** Names of clients; `*` stands for any text here and in the other patterns. */
  readonly client?: readonly string[] | undefined
  /** Addresses or CIDR networks, IPv4 or IPv6. `unknown` here and in the next two: there is one that nobody can read. */
  readonly nasAddress?: readonly string[] | undefined
  /** Patterns, upper or lower case alike. */
  readonly nasIdentifier?: readonly string[] | undefined
  /** Patterns. An SSID is case-sensitive (IEEE 802.11: it is a string of octets). */
  readonly ssid?: readonly string[] | undefined
  /** Devices by their identifiers, whichever of them a request names: see `isNamed`. */
  readonly deviceId?: WantedDevices | undefined
  readonly mac?: WantedDevices | undefined
  readonly serialNumber?: WantedDevices | undefined
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
  readonly holds: (facts: PolicyFacts) => Truth
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
    context('nasAddress', when.nasAddress, compileNetworks),
    context('nasIdentifier', when.nasIdentifier, (globs) => compileTextPatterns(globs, foldCase)),
    context('ssid', when.ssid, (globs) => compileTextPatterns(globs)),
    devices('deviceId', when.deviceId),
    devices('mac', when.mac),
    devices('serialNumber', when.serialNumber),
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
  const namesUnknown = globs.includes(unknownWord)
  return {
    name,
    // What is not known matches nothing but that word, not even `*`.
    holds: (facts) => {
      const text = actual(facts)
      if (text === undefined) return namesUnknown
      const folded = fold(text)
      return matches.some((match) => match(folded))
    },
    actual: (facts) => {
      const text = actual(facts)
      return text === undefined ? 'not known' : quoted(text)
    },
    wanted: globs.join(' or '),
  }
}

/** A condition on where the request comes from. What the request does not have matches nothing, not even `*`. */
function context(
  name: ContextConditionName,
  values: readonly string[] | undefined,
  compile: (values: readonly string[]) => (given: ContextText | undefined) => Truth,
): Condition | undefined {
  if (values === undefined) return undefined
  const part = contextConditions[name]
  const holds = compile(values)
  return {
    name,
    holds: ({ request }) => holds(request.context?.[part]),
    actual: ({ request }) => presented[name](request.context?.[part]),
    wanted: values.join(' or '),
  }
}

function devices(name: DeviceConditionName, wanted: WantedDevices | undefined): Condition | undefined {
  if (wanted === undefined) return undefined
  const values = new Set(wanted.values)
  return {
    name,
    holds: (facts) => isNamed(name, wanted, facts, values),
    actual: (facts) => presentNames(name, facts),
    wanted: presentWanted(wanted),
  }
}

function compileNetworks(texts: readonly string[]): (given: ContextText | undefined) => Truth {
  const networks = createNetworks(texts)
  const contains = (address: string) => networks.contains(address)
  const wanted = {
    read: textsOf,
    matches: contains,
    mayMatch: contains,
    namesUnknown: texts.includes(unknownWord),
  }
  return (given) => judge(given, wanted)
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

/** Each explained rule quotes the same text. */
const presented: Readonly<Record<ContextConditionName, typeof present>> = {
  nasAddress: rememberLast(present),
  nasIdentifier: rememberLast(present),
  ssid: rememberLast(present),
}

function present(given: ContextText | undefined): string {
  if (given === undefined) return 'not known'
  const texts = textsOf(given).slice(0, 4).map(quoted)
  if (!isUnknown(given)) return texts.join(', or perhaps ')
  return texts.length === 0 ? 'not readable' : `not certain (${texts.join(' or ')})`
}

/** Text of a supplicant, so that a terminal shows it as it is and nothing more. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replace(/[^\x20-\x7e]/g, '?')
}
