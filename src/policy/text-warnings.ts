import { deviceConditions } from '../decision/device-conditions.ts'
import type { PolicyRule } from '../decision/policy-rules.ts'
import { contextConditions } from '../decision/request-context.ts'
import { unknownWord } from '../decision/text-pattern.ts'
import type { PolicyWarning } from './policy-warnings.ts'

/** The conditions whose values are texts that somebody typed. */
const patternConditions = ['client', 'nasIdentifier', 'ssid', 'os'] as const

/** The conditions on what Intune may not say of a device. */
const detailConditions = ['ownership', 'os'] as const

/** Zero width, bidirectional marks, soft hyphens and white space that is no space: what nobody sees in an editor. */
const invisible = /[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u

/** Finds texts of rules that look like other ones: an SSID is compared by its octets, and a person compares shapes. */
export function findTextWarnings(rules: readonly PolicyRule[]): PolicyWarning[] {
  return rules.flatMap((rule, index) =>
    patternConditions.flatMap((condition) =>
      (rule.when[condition] ?? []).flatMap((text) => {
        const problem = oddity(text)
        if (problem === undefined) return []
        return [
          {
            path: ['rules', index, 'when', condition],
            problem: `rules[${index}].when.${condition}: ${problem}`,
          },
        ]
      }),
    ),
  )
}

function oddity(text: string): string | undefined {
  const found = invisible.exec(text)?.[0]
  if (found !== undefined) {
    const name = `U+${found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
    return `has an invisible character in it (${name}): a text without it is another text`
  }
  if (text !== text.trim()) return 'begins or ends with a space, which requests are read without'
  if (text !== text.normalize('NFC')) {
    return 'has letters and accents apart (not in Unicode NFC), as few access points send them: the octets decide'
  }
  return undefined
}

/** Finds rules on what a front end does not say, and rules that refuse by what Intune may not say. */
export function findUnsaidWarnings(rules: readonly PolicyRule[]): PolicyWarning[] {
  const warnings: PolicyWarning[] = []
  for (const [index, { name, when, effect }] of rules.entries()) {
    const shown = JSON.stringify(name)
    const fromWhere = Object.keys(contextConditions).find(
      (one) => when[one as keyof typeof contextConditions],
    )
    if (fromWhere !== undefined && when.frontend?.includes('radius') === false) {
      const problem = `rule ${shown} can never apply: only RADIUS requests say their ${fromWhere}`
      warnings.push({ path: ['rules', index], problem })
    }
    if (effect.decision !== 'deny' && effect.atMost === undefined) continue
    for (const condition of detailConditions) {
      const isNamed = rules.some((rule) =>
        (rule.when[condition] as readonly string[] | undefined)?.includes(unknownWord),
      )
      if (when[condition] === undefined || isNamed) continue
      const problem = `rule ${shown} passes over devices whose ${condition} Intune does not say; have a rule name ${unknownWord} as well`
      warnings.push({ path: ['rules', index, 'when', condition], problem })
    }
  }
  return warnings
}

/**
 * Finds rules on which a device that is refused can come in: they ask for two of its identifiers at once, or for one that
 * neither a request nor Intune needs to say. The device id is the one that Intune says of every device.
 */
export function findNarrowDenials(rules: readonly PolicyRule[]): PolicyWarning[] {
  const refusing = ({ effect }: PolicyRule) => effect.decision === 'deny' || effect.atMost !== undefined
  const refusesById = rules.some((rule) => refusing(rule) && rule.when.deviceId !== undefined)
  return rules.flatMap((rule, index) => {
    const { name, when } = rule
    const named = deviceConditions.filter((condition) => when[condition] !== undefined)
    const [only] = named
    if (only === undefined || !refusing(rule)) return []
    const warn = (problem: string) => [
      { path: ['rules', index, 'when'], problem: `rule ${JSON.stringify(name)} ${problem}` },
    ]
    if (named.length > 1) {
      return warn(
        `asks for ${named.join(' and ')} at once: a device of which one is not known passes; write a rule for each`,
      )
    }
    if (only === 'deviceId' || refusesById || when[only]?.namesUnknown) return []
    return warn(
      `passes over devices whose ${only} neither the request nor Intune says; have a rule refuse them by deviceId as well, or name ${unknownWord}`,
    )
  })
}
