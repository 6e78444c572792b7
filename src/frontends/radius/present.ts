import type { AttributeProfile, Decision, DecisionReason } from '../../decision/decision.ts'
import { decisionReasons } from '../../decision/policy-rules.ts'
import type { SentAnswer } from '../../decision/sent-answer.ts'
import { faultCatalogue } from '../../errors/catalogue.ts'
import { type Fault, type Outcome, success } from '../../errors/fault.ts'
import { httpStatusOf, presentProblem } from '../../server/problem.ts'
import {
  controlAttribute,
  type Dialect,
  dialects,
  type ProfilePlace,
  profilePlaces,
  type ReplyAttributes,
  replyMessage,
  safeText,
  writeProfile,
} from './reply-attributes.ts'
import type { SiteOptions } from './site-options.ts'

/** How the answer is to be written; the section and the query of the request say so. */
export interface ReplyForm {
  readonly section: 'authorize' | 'post-auth'
  readonly dialect: Dialect
  readonly denial: SiteOptions['denial']
  /** True where the Accept of FreeRADIUS has to come from here, because nobody authenticates. */
  readonly macAuthentication: boolean
  /** Where FreeRADIUS puts the attributes of the profile. */
  readonly place: ProfilePlace
  /** True in the middle of EAP, where an answer that lets it go on lets nobody in yet. */
  readonly isEapUnderWay?: boolean
}

/** A decision as FreeRADIUS is told it. */
export interface PresentedDecision {
  readonly answer: RadiusAnswer
  /** Absent where the network is told nothing yet. */
  readonly sent?: SentAnswer
  /** Why the profile of the policy could not be written, and the answer denies. */
  readonly fault?: Fault
}

/** Status and body; the body's names that are no attributes must not be names of the FreeRADIUS dictionary. */
export interface RadiusAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Renders a decision for rlm_rest (FreeRADIUS 3.2, src/modules/rlm_rest/rlm_rest.c):
 * 200 sets attributes and goes on, 401 rejects with the reply's attributes in `authorize` and without them in
 * `post-auth`, 503 is "fail", the branch for outages. A profile that cannot be written denies and gives its fault as well.
 */
export function presentDecision(decision: Decision, form: ReplyForm): PresentedDecision {
  const { outcome, reason, decisionId } = decision
  const facts = { decision: outcome, reason, decisionId }
  if (outcome === 'fail') {
    const errorCode = decision.faultCode ?? 'intune_unavailable'
    return { answer: { status: 503, body: { ...facts, errorCode } }, sent: 'unavailable' }
  }
  if (outcome === 'deny') return rejected(deny(facts, denialText(decision), form))
  const attributes = profileOf(decision, form)
  if (!attributes.ok) {
    return { ...rejected(deny({ ...facts, decision: 'deny' }, notSetUp, form)), fault: attributes.fault }
  }
  // An Accept without attributes is the whole network: a device that has to be repaired needs a place to do it.
  if (outcome === 'remediate' && Object.keys(attributes.value).length === 0) {
    return rejected(deny({ ...facts, decision: 'deny' }, denialText(decision), form))
  }
  const accept = form.section === 'authorize' && form.macAuthentication
  const body = {
    ...facts,
    ...(accept && accepts[form.dialect]),
    ...proofs[form.dialect][outcome][reason],
    ...attributes.value,
  }
  const answer = { status: 200, body }
  if (form.isEapUnderWay) return { answer }
  return { answer, sent: outcome === 'allow' ? 'accept' : 'redirect' }
}

function rejected(answer: RadiusAnswer): PresentedDecision {
  return { answer, sent: 'reject' }
}

/** The answer to a monitor: the service is there, and nobody logs in with that name. */
export function presentProbe(form: ReplyForm): RadiusAnswer {
  return deny({ decision: 'deny', reason: 'probe' }, 'The NAC service is alive. Probes are not let in.', form)
}

/**
 * Renders what is not a decision. Never 401, which FreeRADIUS takes for a device that was denied, never 404 or 410, which
 * let it go on to the next module, never 429. Wrong credentials are 403 and everything else that is wrong with the
 * request stays in 4xx: both reject, and rlm_rest writes the body into the RADIUS server's log, where the operator looks.
 */
export function presentFault(fault: Fault): RadiusAnswer {
  // Whoever guesses credentials must not get the answer that opens the outage VLAN.
  const status = fault.code === 'too_many_attempts' ? 403 : radiusStatusOf(httpStatusOf(fault.code))
  const { code, detail, remedy } = presentProblem(fault, status)
  // The message about a malformed identifier quotes it, and this answer ends in another program's log.
  const shown = code === 'identifier_malformed' ? faultCatalogue[code].meaning : safeText(detail)
  return {
    status,
    body: {
      errorCode: code,
      ...(fault.field && { field: fault.field }),
      detail: shown,
      remedy: remedies[code] ?? remedy,
    },
  }
}

/** Where the remedy of the catalogue names what RADIUS does not have. */
const remedies: Readonly<Record<string, string>> = {
  identifier_missing:
    "Set body = 'json' in this section of rlm_rest, without which it sends no attributes, and let the NAS send Calling-Station-Id; in EAP the certificate may name the device instead.",
  media_type_not_supported:
    "Set body = 'json' in this section of rlm_rest, and let nothing on the way compress it.",
}

function radiusStatusOf(httpStatus: number): number {
  if (httpStatus >= 500 || httpStatus === 429) return 503
  if (httpStatus === 401 || httpStatus === 403 || httpStatus === 421) return 403
  return httpStatus === 404 || httpStatus === 410 ? 400 : httpStatus
}

function profileOf({ profile }: Decision, form: ReplyForm): Outcome<ReplyAttributes> {
  if (profile === undefined) return noAttributes
  return Object.isFrozen(profile) ? writeOnce(profile, form) : writeProfile(profile, form.dialect, form.place)
}

const noAttributes = success<ReplyAttributes>({})

/** A profile without placeholders is the same in every decision, and writing it takes 3 µs. */
function writeOnce(profile: AttributeProfile, { dialect, place }: ReplyForm): Outcome<ReplyAttributes> {
  const known = written[dialect][place].get(profile)
  if (known !== undefined) return known
  const attributes = writeProfile(profile, dialect, place)
  written[dialect][place].set(profile, attributes)
  return attributes
}

/** By these a site knows that a 200 came from here, and may choose VLANs of its own. */
function proof(decision: string, reason: string, dialect: Dialect): ReplyAttributes {
  return {
    ...controlAttribute('NAC-Decision', decision, dialect),
    ...controlAttribute('NAC-Reason', reason, dialect),
  }
}

// Of what every Accept carries there is little, so it is made once: it was a third of the time of an answer.
const accepts = forEach(dialects, (dialect) => controlAttribute('Auth-Type', 'Accept', dialect))
const proofs = forEach(dialects, (dialect) =>
  forEach(['allow', 'remediate'], (outcome) =>
    forEach(decisionReasons, (reason) => proof(outcome, reason, dialect)),
  ),
)

const written = forEach(dialects, () =>
  forEach(profilePlaces, () => new WeakMap<AttributeProfile, Outcome<ReplyAttributes>>()),
)

function forEach<K extends string, V>(keys: readonly K[], make: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>
}

interface Facts {
  readonly decision: string
  readonly reason: string
  readonly decisionId?: string
}

function deny(facts: Facts, text: string, form: ReplyForm): RadiusAnswer {
  const message = replyMessage(text, form.dialect)
  if (form.denial === 'status') return { status: 401, body: { ...facts, ...message } }
  const reject = controlAttribute('Auth-Type', 'Reject', form.dialect)
  const body = { ...facts, ...reject, ...proof(facts.decision, facts.reason, form.dialect), ...message }
  return { status: 200, body }
}

const notSetUp = 'This network is not set up for your device. Contact your IT support.'

const reasons: Readonly<Record<DecisionReason, string>> = {
  compliant: 'Your device is not admitted to this network.',
  noncompliant: 'Your device does not meet the requirements of your organisation.',
  in_grace_period: 'Your device does not meet the requirements of your organisation.',
  not_evaluated: 'Your device has not been checked yet.',
  not_enrolled: 'Your device is not enrolled.',
  randomized_mac: 'Your device hides its address.',
  identifier_conflict: 'Your device presents contradicting identities.',
  intune_unavailable: 'Your device could not be checked.',
}

/** The profile's own Reply-Message, or the remedy for the user, or the reason, in the site's words where it has some. */
function denialText({ profile, remediation, reason, reasonText }: Decision): string {
  const own = profile?.attributes.find(({ name }) => name.toLowerCase() === 'reply-message')?.values[0]
  return own === undefined ? (remediation?.message ?? reasonText ?? reasons[reason]) : String(own)
}
