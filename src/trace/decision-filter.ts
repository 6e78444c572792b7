import { nasTexts } from '../decision/request-context.ts'
import type { KeptDecision } from './present-trace.ts'

/** Which decisions are looked for. Several texts of one key are alternatives; all keys have to fit; case does not count. */
export interface DecisionFilter {
  /** An identifier of any kind, in any spelling. */
  readonly device?: string | undefined
  readonly decision?: readonly string[] | undefined
  /** What the network was told. */
  readonly sent?: readonly string[] | undefined
  readonly reason?: readonly string[] | undefined
  readonly client?: readonly string[] | undefined
  /** NAS-IP-Address or NAS-Identifier. */
  readonly nas?: readonly string[] | undefined
  /** From and to, milliseconds since the epoch, both included. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** The same for stories that are stored as JSON: one of the texts at the paths is one of the values. */
export interface StoredConditions {
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  readonly where: readonly {
    readonly paths: readonly StoryPath[]
    /** Of stories that were told by an earlier version. */
    readonly earlierPaths?: readonly StoryPath[] | undefined
    readonly values: readonly string[]
  }[]
}

type TextKey = 'decision' | 'sent' | 'reason' | 'client' | 'nas'

/** Keys of a story, from the outside in. */
type StoryPath = readonly string[]

interface FilteredText {
  readonly paths: readonly StoryPath[]
  readonly earlierPaths?: readonly StoryPath[]
  readonly of: (kept: KeptDecision) => readonly unknown[]
}

/** Where each text is: in the story that `presentTrace` tells, and in the record that it tells it of. */
const texts: Readonly<Record<TextKey, FilteredText>> = {
  decision: { paths: [['decision']], of: ({ record }) => [record.decision.outcome] },
  sent: { paths: [['sent']], of: ({ record }) => [record.sent] },
  reason: { paths: [['reason']], of: ({ record }) => [record.decision.reason] },
  client: { paths: [['request', 'client']], of: ({ record }) => [record.request.client] },
  nas: {
    paths: [['request', 'nas']],
    earlierPaths: [
      ['request', 'nasIpAddress'],
      ['request', 'nasIdentifier'],
    ],
    of: ({ record }) => nasTexts(record.request.context),
  },
}
const textKeys = Object.keys(texts) as TextKey[]

/** Whether a decision is one of those that are looked for, the device aside. */
export function createDecisionTest(filter: DecisionFilter): (kept: KeptDecision) => boolean {
  const { sinceMs = -Infinity, untilMs = Infinity } = filter
  const wanted = textKeys.flatMap((key) => {
    const values = filter[key]
    return values === undefined ? [] : [{ of: texts[key].of, values: new Set(values.map(foldCase)) }]
  })
  return (kept) =>
    kept.decidedAtMs >= sinceMs &&
    kept.decidedAtMs <= untilMs &&
    wanted.every(({ of, values }) =>
      of(kept).some((text) => typeof text === 'string' && values.has(foldCase(text))),
    )
}

/** The filter for the store, the device aside. */
export function storedConditionsOf(filter: DecisionFilter): StoredConditions {
  const { sinceMs, untilMs } = filter
  const where = textKeys.flatMap((key) => {
    const values = filter[key]
    const { paths, earlierPaths } = texts[key]
    return values === undefined ? [] : [{ paths, earlierPaths, values: values.map(foldCase) }]
  })
  return { sinceMs, untilMs, where }
}

/** ASCII alone, as the store does it. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
