import { buildApp } from '../app.ts'
import type { FrontendName } from '../decision/decide.ts'
import type { Decision } from '../decision/decision.ts'
import type { PolicyFacts } from '../decision/policy.ts'
import { frontendNames } from '../decision/policy-rules.ts'
import { type RequestContext, unreadable } from '../decision/request-context.ts'
import { unknownWord } from '../decision/text-pattern.ts'
import type { Fault } from '../errors/fault.ts'
import { isAnswerable, presentDecision } from '../frontends/json/present.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import { createLogger } from '../telemetry/logger.ts'
import { printableValues } from '../text/printable.ts'
import { checkAsIse } from './check-as-ise.ts'
import { type Command, exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configured, explainFault, printFileFaults } from './configured.ts'
import { explainRules } from './explain-decision.ts'
import { attributesOf, identifierHelp } from './identifier-argument.ts'
import { formatTable } from './table.ts'
import { coloured } from './terminal.ts'

const form = {
  name: 'check',
  usage: ['IDENTIFIER... [options]'],
  does: [
    'One decision with the configured tenant and policy, without a running service.',
    ...identifierHelp,
    'The options below --explain play the request that the rules of the policy look at; the word unknown',
    'stands for an address, a NAS-Identifier or an SSID that cannot be read.',
  ],
  operands: { IDENTIFIER: 'what the device is known by; several of one device may be given' },
  options: {
    json: { type: 'boolean', default: false, meaning: 'the answer as JSON' },
    explain: {
      type: 'boolean',
      default: false,
      meaning: 'which rule decided, and why those above it did not',
    },
    frontend: {
      type: 'string',
      argument: 'NAME',
      default: 'json',
      meaning: `front end: ${frontendNames.join(', ')}`,
    },
    client: { type: 'string', argument: 'NAME', default: 'cli', meaning: 'name of the client that asks' },
    'nas-address': { type: 'string', argument: 'ADDRESS', meaning: 'NAS-IP-Address' },
    'nas-identifier': { type: 'string', argument: 'TEXT', meaning: 'NAS-Identifier' },
    ssid: { type: 'string', argument: 'TEXT', meaning: 'SSID of the wireless network' },
  },
  examples: ['check 00:50:56:A4:89:5A', 'check 00:50:56:A4:89:5A --explain --frontend radius --ssid Corp'],
  exitCodes: { 0: 'allow', 1: 'any other decision', 78: 'the configuration is wrong' },
} as const satisfies CommandForm

const decide = defineCommand(form, async ({ values, positionals }, context) => {
  if (positionals.length === 0)
    throw new WrongUse('needs an identifier, for example: check 00:50:56:A4:89:5A')
  const identity = parseIdentity(attributesOf(positionals))
  if (!identity.ok) throw new WrongUse(identity.fault.message)
  const frontend = parseFrontend(values.frontend)
  const loaded = configured(context)
  if (!loaded) return exitCodes.wrongConfiguration
  // A person waits here, not a RADIUS session, and everything is cold: token, discovery and query take turns.
  const settings = {
    ...loaded.settings,
    decisionDeadlineMs: Math.max(15_000, loaded.settings.decisionDeadlineMs),
  }
  let fault: Fault | undefined
  let facts: PolicyFacts | undefined
  const app = buildApp({ ...loaded, settings }, createLogger({ level: 'silent' }), {
    proxy: loaded.proxy,
    onDecision: (record) => {
      fault = record.answer?.fault
      facts = record.facts
    },
  })
  if (!app.ok) {
    printFileFaults(loaded, app.fault, context)
    return exitCodes.wrongConfiguration
  }
  try {
    const outcome = await app.value.decide({
      identity: identity.value,
      refresh: false,
      frontend,
      client: values.client,
      context: {
        ...contextText('nasIpAddress', values['nas-address']),
        ...contextText('nasIdentifier', values['nas-identifier']),
        ...contextText('ssid', values.ssid),
      },
    })
    if (!outcome.ok) throw new WrongUse(outcome.fault.message)
    const decision = outcome.value
    const answer = presentAny(decision)
    const rules = values.explain && facts ? app.value.policy.explain(facts) : undefined
    const explanation = rules && { rule: decision.rule, profile: decision.profile, rules }
    context.out(
      values.json ? JSON.stringify({ ...answer, ...explanation }, null, 2) : asTable(decision, answer),
    )
    if (rules && !values.json)
      context.out(`\n${explainRules(printableValues(decision), printableValues(rules))}`)
    if (fault) context.err(`\n${explainFault(fault)}`)
    return decision.outcome === 'allow' ? exitCodes.fine : exitCodes.no
  } finally {
    await app.value.close()
  }
})

/** `intune-nac check`: with `--as-ise` a running service is asked (check-as-ise.ts), else the decision is made here. */
export const check: Command = {
  forms: [...decide.forms, ...checkAsIse.forms],
  run: async (args, context) => {
    const asIse = args.some((arg) => /^--as-ise(=|$)/.test(arg))
    return (asIse ? checkAsIse : decide).run(args, context)
  },
}

function contextText(part: keyof RequestContext, text: string | undefined): RequestContext {
  return text === undefined ? {} : { [part]: text === unknownWord ? unreadable : text }
}

function parseFrontend(text: string): FrontendName {
  const name = frontendNames.find((candidate) => candidate === text)
  if (name !== undefined) return name
  throw new WrongUse(`--frontend must be one of ${frontendNames.join(', ')}`)
}

/** The answer of the JSON front end; it has an error in place of `fail`, and here a person reads. */
function presentAny(decision: Decision): object {
  if (isAnswerable(decision)) return presentDecision(decision)
  return { ...presentDecision({ ...decision, outcome: 'deny' }), decision: decision.outcome }
}

/** What is null is nothing to show, but of these two it is the answer. */
const alwaysShown = ['complianceState', 'enrolled']

function asTable(decision: Decision, answer: object): string {
  const colour = decision.outcome === 'allow' ? 'green' : decision.outcome === 'remediate' ? 'yellow' : 'red'
  const rows = Object.entries(answer)
    .filter(([name, value]) => (value !== null && value !== '') || alwaysShown.includes(name))
    .map(([name, value]) => [name, String(value ?? 'could not be determined')])
  const verdict = coloured(colour, `${decision.outcome}: ${decision.reason}`)
  return `${verdict}\n\n${formatTable(['field', 'value'], rows)}`
}
