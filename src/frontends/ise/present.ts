import type { Decision, DecisionReason } from '../../decision/decision.ts'
import type { ListedVerdict } from '../../decision/noncompliant-devices.ts'
import type { SentAnswer } from '../../decision/sent-answer.ts'
import type { Fault } from '../../errors/fault.ts'
import { presentProblem } from '../../server/problem.ts'
import { type DeviceFacts, presentAttributes, type WantedAttributes } from './attributes.ts'
import type { ListedDevice, ListIdentifier } from './noncompliant-pages.ts'
import type { ApiVersion, DeviceCriterion } from './question.ts'
import { element, optionalElement, writeXml, type XmlElement } from './write-xml.ts'

/** MDMCompliantFailureReason of ISE: why, for a policy condition and for the administrator. */
const failureReasons: Readonly<Record<DecisionReason, string>> = {
  compliant: 'The device is compliant in Intune, but the policy of this site does not admit it.',
  noncompliant: 'Intune reports the device as not compliant.',
  in_grace_period: 'Intune reports the device as not compliant; its grace period is running.',
  not_evaluated: 'The device is enrolled, but Intune has not evaluated it yet.',
  not_enrolled: 'The device is not enrolled in Intune.',
  randomized_mac: 'The device uses a private (randomised) address, which Intune does not know.',
  identifier_conflict: 'The identifiers of the device name two different devices.',
  intune_unavailable: 'The state of the device could not be determined.',
}

/** What mdminfo says besides the version. */
export interface ServerInfo {
  /** Absolute from the root of the host: ISE appends `/devices/`. */
  readonly apiPath: string
  readonly redirectUrl: string
  readonly queryMaxSize: number
  readonly productVersion: string
}

/** The mdminfo document. Messaging is not offered; vendor and product are mandatory from version 3 on. */
export function presentServerInfo(version: ApiVersion, info: ServerInfo): string {
  return document('mdminfo', version, [
    element('api_path', info.apiPath),
    element('redirect_url', info.redirectUrl),
    element('query_max_size', String(info.queryMaxSize)),
    element('messaging_support', 'false'),
    element('vendor', 'intune-nac'),
    element('product_name', 'intune-nac'),
    element('product_version', info.productVersion),
  ])
}

/** A device list; `next` is 0 where there is no further page. Without devices it says "not registered here". */
export function presentDevices(version: ApiVersion, devices: readonly XmlElement[], next = 0): string {
  return document('attributes', version, [
    element('paging_info', String(next)),
    element('deviceList', devices),
  ])
}

/** A decision as ISE is told it: the elements of the deviceList, none where there is no answer. */
export interface PresentedDevice {
  readonly devices: readonly XmlElement[]
  readonly sent: SentAnswer
}

/**
 * The `device` element for a decision, or nothing for a device that is to be called unregistered: Cisco asks for an
 * empty deviceList then. A device that is not enrolled but that policy admits is there, with register_status false.
 * `fail` has no answer: it is an error.
 */
export function presentDecidedDevice(
  decision: Decision,
  asked: {
    readonly criterion: DeviceCriterion
    readonly version: ApiVersion
    readonly wanted: WantedAttributes
  },
): PresentedDevice {
  if (decision.outcome === 'fail') return { devices: [], sent: 'unavailable' }
  const compliant = decision.outcome === 'allow'
  // An outage that policy answers without knowing: "not registered" would send every user to enrol again.
  const registered = decision.enrolled === true || decision.reason === 'intune_unavailable'
  if (!registered && !compliant) return { devices: [], sent: 'unregistered' }
  const askedMac = asked.criterion === 'macaddress' ? [decision.device] : []
  const deviceId = asked.criterion === 'guid' ? decision.device : decision.deviceId
  const facts: DeviceFacts = {
    registered,
    compliant,
    failureReason: compliant ? '' : (decision.reasonText ?? failureReasons[decision.reason]),
    remediation: compliant ? '' : (decision.remediation?.message ?? ''),
    ...(deviceId !== undefined && { deviceId }),
    macs: [...new Set([...askedMac, ...(decision.macs ?? [])])],
    details: decision.details ?? {},
  }
  const device = presentDevice(facts, asked.criterion === 'guid' ? 'guid' : 'macaddress', asked)
  return { devices: [device], sent: compliant ? 'compliant' : 'noncompliant' }
}

/** The `device` element for a row of the list of noncompliant devices. */
export function presentListedDevice(
  { device, name }: ListedDevice,
  { verdict, reason }: ListedVerdict,
  asked: { readonly by: ListIdentifier; readonly version: ApiVersion; readonly wanted: WantedAttributes },
): XmlElement {
  const { deviceId, macs, record } = device
  const facts: DeviceFacts = {
    registered: true,
    compliant: false,
    failureReason: verdict.reasonText ?? failureReasons[reason],
    remediation: verdict.remediation?.message ?? '',
    ...(deviceId !== undefined && { deviceId }),
    macs: asked.by === 'macaddress' ? [...new Set([name, ...macs])] : macs,
    details: record.details ?? {},
  }
  return presentDevice(facts, asked.by, asked)
}

/** Answer to an action or a message, which is never carried out: this service only reads. */
export function presentRefusal(
  version: ApiVersion,
  refused: 'action' | 'sendmessage',
  identifier: { readonly name: 'guid' | 'macaddress'; readonly value: string } | undefined,
): string {
  // The answer to a message names the device from version 3 on.
  const isNamed = refused === 'action' || version === 3
  const [status, what] = refused === 'action' ? ['action_status', 'actions'] : ['message_status', 'messages']
  return document(refused, version, [
    element('deviceList', [
      element('device', [
        isNamed ? optionalElement(identifier?.name ?? 'guid', identifier?.value) : undefined,
        element('result', [
          element(status, 'false'),
          element('failure_reason', `Not supported: intune-nac only reads. Send ${what} from Intune.`),
        ]),
      ]),
    ]),
  ])
}

/** An error: Cisco describes none, so it is short, and every element of it is our own. */
export function presentFault(fault: Fault, status: number): string {
  const { code, detail } = presentProblem(fault, status)
  return writeXml(
    element('ise_api', [
      element('name', 'error'),
      element('error_code', code),
      element('error_message', detail),
    ]),
  )
}

/**
 * The name of the device comes first: its address in versions 1 and 2, its id in version 3, and both where version 3
 * was asked by address, "the answer of version 2 with guid and lastCheckinTimeStamp added".
 */
function presentDevice(
  facts: DeviceFacts,
  by: ListIdentifier,
  { version, wanted }: { readonly version: ApiVersion; readonly wanted: WantedAttributes },
): XmlElement {
  return element('device', [
    version === 3 && by === 'guid' ? undefined : optionalElement('macaddress', facts.macs[0]),
    version === 3 ? optionalElement('guid', facts.deviceId) : undefined,
    presentAttributes(facts, version, wanted),
  ])
}

function document(name: string, version: ApiVersion, content: readonly XmlElement[]): string {
  return writeXml(
    element('ise_api', [element('name', name), element('api_version', String(version)), ...content]),
  )
}
