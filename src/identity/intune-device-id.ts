import { type Outcome, success } from '../errors/fault.ts'
import { malformedIdentifier } from './malformed-identifier.ts'

// Every pattern here is linear in its input: a repetition never contains, and is never followed by, what it could
// also match itself, so there is one way to read each character from each starting point.
const guid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

// The vendor must not run over a name's end: `URI:ID:badge, DNS:GUID<guid>` has no device id.
const marker = '(?:IntuneDeviceId://|(?:ID:[^:,;|\\r\\n]+:)?GUID:?)'

/** The id of no device. */
export const nilGuid = '00000000-0000-0000-0000-000000000000'

/** Source of a pattern for the label of a URI, as programs print it; to be matched in any case. */
export const uriLabel = '(?:UR[IL](?: ?Name)?|uniformResourceIdentifier)[ \\t]*[:=][ \\t]*'

const bareGuid = new RegExp(`^${guid}$`, 'i')
const wholeUri = new RegExp(`^${marker}?(${guid})$`, 'i')
const markedGuid = new RegExp(`^(?:URI:)?${marker}(${guid})$`, 'i')
// Wherever a name may begin, whoever wrote the text.
const nameStart = `(?:^|[,;|\\r\\n])[ \\t]*(?:${uriLabel})?`
const nameEnd = '(?=[ \\t]*(?:$|[,;|\\r\\n]))'
const anywhere = new RegExp(`${nameStart}(?:${marker}(${guid})(?![0-9a-z_-])|(${guid})${nameEnd})`, 'gi')
const inSubject = new RegExp(`(?:^|[,/+;\\r\\n])[ \\t]*CN[ \\t]*=[ \\t]*(${guid})(?![0-9a-z_-])`, 'gi')

/** The SAN URIs that hold a device id, for messages. */
export const acceptedSanForms =
  'IntuneDeviceId://GUID, ID:Microsoft Endpoint Manager:GUID:GUID (any vendor name) or a bare GUID'

/**
 * Parses an Intune device id: a GUID of any case, in braces or not, with its hyphens or as 32 hex digits, or one of
 * the URIs that certificates carry. Gives it in lower case with hyphens.
 * Fails with `identifier_malformed`, field `deviceId`; the all-zero GUID is the id of no device.
 */
export function parseDeviceId(text: string): Outcome<string> {
  const trimmed = text.trim()
  const found = withHyphens(trimmed.replace(/^\{([^{}]*)\}$/, '$1')) ?? markedGuid.exec(trimmed)?.[1]
  if (found === undefined) {
    return malformedIdentifier(
      'deviceId',
      trimmed,
      'is not an Intune device id. Accepted are a GUID (3eeb9e62-cec9-4dd8-9dd6-74903695a62b, braces and case do ' +
        'not matter), IntuneDeviceId://GUID and ID:Microsoft Endpoint Manager:GUID:GUID.',
    )
  }
  if (found === nilGuid) {
    return malformedIdentifier('deviceId', trimmed, 'is the all-zero GUID, which is the id of no device.')
  }
  return success(found.toLowerCase())
}

/**
 * The device id, lower case, that a URI of a SAN is, or undefined. The forms are those of Microsoft's NAC documentation
 * (`IntuneDeviceId://<id>`, in 2021 also the id alone) and of Cisco's guide to ISE with Intune (`ID:Microsoft Endpoint
 * Manager:GUID:<id>`, in the field also without the last colon and with other vendor names).
 */
export function deviceIdOfUri(uri: string): string | undefined {
  return usable(wholeUri.exec(uri)?.[1])
}

/** The device id, lower case, that a text is with nothing around it, or undefined. */
export function bareDeviceId(text: string): string | undefined {
  return usable(bareGuid.test(text) ? text : undefined)
}

/**
 * Device ids where a name may begin in a text of joined names, each once, lower case. It is not known of any that it is a
 * name of its own: this is for telling that something was not counted.
 */
export function deviceIdsAnywhere(text: string): readonly string[] {
  return allMatches(text, anywhere)
}

/** The same for common names in the text of a subject: `/O=Example/CN=<id>`. */
export function deviceIdsInSubject(text: string): readonly string[] {
  return allMatches(text, inSubject)
}

function usable(guidText: string | undefined): string | undefined {
  const id = guidText?.toLowerCase()
  return id === nilGuid ? undefined : id
}

/** The GUID with its hyphens, or undefined where the text is not a GUID. */
function withHyphens(text: string): string | undefined {
  if (bareGuid.test(text)) return text
  if (!/^[0-9a-f]{32}$/i.test(text)) return undefined
  return text.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function allMatches(text: string, pattern: RegExp): readonly string[] {
  const ids = new Set<string>()
  // matchAll would compile a copy of the pattern for each text; after its last match exec starts anew by itself.
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const id = (found[1] ?? found[2] ?? '').toLowerCase()
    if (id !== nilGuid) ids.add(id)
  }
  return [...ids]
}
