import type { SentAnswer } from '../decision/sent-answer.ts'
import type { DecisionTrace } from '../trace/decision-trace.ts'
import { explainRuleStep } from './explain-decision.ts'
import { coloured } from './terminal.ts'

const meanings: Readonly<Record<string, string>> = {
  compliant: 'Intune manages the device and says that it is compliant.',
  noncompliant: 'Intune manages the device and says that it is not compliant.',
  in_grace_period: 'The device is not compliant, but its grace period still runs.',
  not_evaluated: 'Intune manages the device but has not evaluated it yet.',
  not_enrolled: 'Intune does not know the device.',
  randomized_mac: 'The device named itself by a random MAC address only, which Intune never lists.',
  identifier_conflict: 'The identifiers name two different devices.',
  intune_unavailable: 'Intune could not be asked, and nothing usable was remembered.',
}

const identifierResults: Readonly<Record<DecisionTrace['identifiers'][number]['result'], string>> = {
  decided: 'decided: the best rank that Intune can be asked by',
  not_supported: 'passed over: the Intune API in use has no query for it',
  not_needed: 'not needed: a better rank decided',
  conflict: 'contradicts another one',
  randomized: 'a random address: never looked up',
}

/** What the network was told, as a person says it. */
const sentMeanings: Readonly<Record<SentAnswer, string>> = {
  accept: 'let in',
  redirect: 'let in to be repaired',
  reject: 'refused',
  compliant: 'ISE was told that it is registered and compliant',
  noncompliant: 'ISE was told that it is registered and not compliant',
  unregistered: 'ISE was told that it is not registered',
  unavailable: 'an error (503): there was no answer',
}

/** Tells a decision as a person reads it, from the question to what the user has to do. */
export function explainTrace(trace: DecisionTrace): string {
  const colour = trace.decision === 'allow' ? 'green' : trace.decision === 'remediate' ? 'yellow' : 'red'
  const reasonText = trace.reasonText === null ? [] : [trace.reasonText]
  return [
    `${coloured(colour, `${trace.decision}: ${trace.reason}`)}  ${trace.decidedAt}  in ${trace.totalMs} ms`,
    `decision ${trace.decisionId}`,
    ...(trace.traceId === null ? [] : [`trace ${trace.traceId}`]),
    '',
    ...section('Why', [meanings[trace.reason] ?? trace.reason, ...reasonText]),
    ...section('Asked', askedLines(trace)),
    ...section('Device', deviceLines(trace)),
    ...section('Fact', factLines(trace)),
    ...section('Intune', intuneLines(trace)),
    ...section('Rule', ruleLines(trace)),
    ...section('Sent', sentLines(trace)),
    ...section('User', userLines(trace)),
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? `${title}:` : '').padEnd(8)} ${line}`)
}

function askedLines({ request }: DecisionTrace): string[] {
  const from = [
    request.nasIpAddress === null ? '' : `NAS ${request.nasIpAddress}`,
    request.nasIdentifier === null ? '' : `NAS identifier ${request.nasIdentifier}`,
    request.ssid === null ? '' : `SSID ${request.ssid}`,
  ].filter((part) => part !== '')
  const line = `by ${request.client} through the ${request.frontend} front end`
  return [
    from.length > 0 ? `${line}, from ${from.join(', ')}` : line,
    ...(request.refresh ? ['with the wish to ask Intune again'] : []),
    ...(request.certificateExpiresAt === null
      ? []
      : [`with a certificate that expires at ${request.certificateExpiresAt}`]),
  ]
}

const unreadableNotes: Readonly<Record<DecisionTrace['unreadable'][number], string>> = {
  certificateSan:
    'note: the subject alternative name of the certificate holds a device id that can be read in two ways; it does not count',
  certificateCn:
    'note: the common name of the certificate holds a device id but is not known to be one as a whole; it does not count',
}

function deviceLines({ identifiers, rankConflict, unreadable }: DecisionTrace): string[] {
  const rows = identifiers.map(({ kind, origin, rank, value, result }) => {
    const named = origin === kind ? kind : `${kind} (${origin})`
    return `rank ${rank}, ${named} ${value === '' ? '(not shown)' : value}: ${identifierResults[result]}`
  })
  return [
    ...rows,
    ...unreadable.map((attribute) => unreadableNotes[attribute]),
    ...(rankConflict ? ['note: a lower rank is known to name another device'] : []),
  ]
}

function factLines({ fact }: DecisionTrace): string[] {
  if (fact.source === 'none' || fact.enrolled === null) {
    return ['nothing was known about the device: enrolled or not, compliant or not, could not be determined']
  }
  const state = fact.enrolled ? `enrolled, ${fact.complianceState}` : 'not enrolled'
  const age = `${fact.ageSeconds} s old`
  const how = {
    intune: `asked now (${fact.cache})`,
    cache: `remembered and fresh (${fact.cache}), ${age}`,
    last_known: `the last that was known, ${age}, because nothing newer could be used`,
  }[fact.source]
  const lines = [`${state}: ${how}`]
  if (fact.observedAt !== null) lines.push(`observed ${fact.observedAt}`)
  if (fact.gracePeriodEndsAt !== null) lines.push(`grace period ends ${fact.gracePeriodEndsAt}`)
  if (fact.deviceId !== null && fact.deviceId !== '') lines.push(`Intune device id ${fact.deviceId}`)
  if (fact.held === 'regressed') lines.push('held: Intune says that it lost the evaluation of the device')
  if (fact.held === 'mass_flip') lines.push('held: Intune would turn too many devices at once')
  return lines
}

function intuneLines({ upstream, fault, fact }: DecisionTrace): string[] {
  const lines: string[] = []
  if (upstream) {
    const { api, status, durationMs, requestId } = upstream
    lines.push(`${api} answered ${status} in ${durationMs} ms, request id ${requestId}`)
  }
  if (fault) {
    const at = [fault.hop, fault.host, fault.status === null ? null : `status ${fault.status}`]
      .filter((part) => part !== null)
      .join(', ')
    lines.push(`${fault.code}${at === '' ? '' : ` (${at})`}: ${fault.message}`)
    if (fault.requestId !== null) lines.push(`request id ${fault.requestId}`)
    lines.push(`remedy: ${fault.remedy}`)
  }
  if (lines.length > 0) return lines
  return [
    fact.source === 'none' ? 'was not asked: there was nothing to ask by' : 'was not asked for this decision',
  ]
}

function ruleLines({ rule, rules }: DecisionTrace): string[] {
  return [rule ?? '-', ...rules.map(explainRuleStep)]
}

function sentLines(trace: DecisionTrace): string[] {
  const { profile, sent, decision } = trace
  const told =
    sent === null ? 'not known: EAP went on, or an earlier version decided' : `${sent}: ${sentMeanings[sent]}`
  if (profile === null) {
    const isHomeless = sent === 'reject' && decision === 'remediate'
    return isHomeless ? [told, 'because the policy names no profile with a place to repair it'] : [told]
  }
  const rows = profile.attributes.map(
    ({ name, tag, values }) => `  ${name}${tag === null ? '' : `:${tag}`} = ${values.join(', ')}`,
  )
  return [told, profileLine(profile.name, trace), ...rows]
}

function profileLine(name: string, { request, sent, decision }: DecisionTrace): string {
  if (request.frontend !== 'radius') return `profile ${name} (only RADIUS is sent its attributes)`
  if (sent === 'unavailable') return `profile ${name} was not sent`
  if (sent !== 'reject') return `profile ${name}`
  return decision === 'deny'
    ? `profile ${name} (a reject carries its Reply-Message alone)`
    : `because the profile ${name} holds nothing that can be sent (profile_refused in the log says what)`
}

function userLines({ remediation }: DecisionTrace): string[] {
  if (!remediation) return ['has nothing to do']
  return [`${remediation.message} (${remediation.action})`, remediation.url]
}
