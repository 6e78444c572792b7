import { type Outcome, success } from '../errors/fault.ts'
import { malformedIdentifier } from './malformed-identifier.ts'

// Every pattern here is linear in its input: a repetition never contains, and is never followed by, what it could
// also match itself, so there is one way to read each character from each starting point.
const guid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const nilGuid = '00000000-0000-0000-0000-000000000000'

// The vendor must not run over an element's end: `URI:ID:badge, DNS:GUID<guid>` has no device id.
const marker = '(?:IntuneDeviceId://|(?:ID:[^:,;|\\r\\n]+:)?GUID:?)'
const elementStart =
  '(?:^|[,;|\\r\\n])[ \\t]*(?:(?:UR[IL](?: ?Name)?|uniformResourceIdentifier)[ \\t]*[:=][ \\t]*)?'
const elementEnd = '[ \\t]*(?:$|[,;|\\r\\n])'

const bareGuid = new RegExp(`^${guid}$`, 'i')
const markedGuid = new RegExp(`^(?:URI:)?${marker}(${guid})$`, 'i')
const markedInSan = new RegExp(`${elementStart}${marker}(${guid})(?![0-9a-z_-])`, 'gi')
const bareInSan = new RegExp(`${elementStart}(${guid})(?=${elementEnd})`, 'gi')
const commonName = new RegExp(
  `(?:^|[,/+;\\r\\n])[ \\t]*CN[ \\t]*=[ \\t]*(${guid})(?=[ \\t]*(?:$|[,/+;\\r\\n]))`,
  'gi',
)

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
 * Finds the Intune device ids in the text of a certificate's subject alternative name: one URI, or all names joined
 * the way OpenSSL, FreeRADIUS and ClearPass print them. Gives each once, lower case, in the order of the text; none
 * where the text has no device id.
 *
 * The forms are those of Microsoft's NAC documentation (`IntuneDeviceId://<id>`) and of Cisco's guide to ISE with
 * Intune (`ID:Microsoft Endpoint Manager:GUID:<id>`, in the field also without the last colon and with other vendor
 * names). A bare GUID counts only where no marked one is there, because other products put GUIDs of their own there.
 *
 * The text is searched and never split at commas: the URI of Microsoft's strong mapping, `tag:microsoft.com,
 * 2022-09-14:sid:...`, has one inside. A form counts only at the start of a name that is a URI or unlabelled: the
 * name of a computer (`DNS:`) or of a user (UPN) is chosen by people and may hold the GUID of another device.
 */
export function findDeviceIdsInSan(text: string): readonly string[] {
  const marked = allMatches(text, markedInSan)
  return marked.length > 0 ? marked : allMatches(text, bareInSan)
}

/**
 * Finds device ids in a certificate's common name: the name alone, `CN=<id>`, or a whole subject such as
 * `CN=<id>,O=Example` and `/O=Example/CN=<id>`. Gives each once, lower case; none where the name is something else,
 * which is the usual case and no error.
 */
export function findDeviceIdsInCommonName(text: string): readonly string[] {
  const trimmed = text.trim()
  if (!bareGuid.test(trimmed)) return allMatches(trimmed, commonName)
  const id = trimmed.toLowerCase()
  return id === nilGuid ? [] : [id]
}

/** The GUID with its hyphens, or undefined where the text is not a GUID. */
function withHyphens(text: string): string | undefined {
  if (bareGuid.test(text)) return text
  if (!/^[0-9a-f]{32}$/i.test(text)) return undefined
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function allMatches(text: string, pattern: RegExp): readonly string[] {
  const ids: string[] = []
  // matchAll would compile a copy of the pattern for each text; after its last match exec starts anew by itself.
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const id = (found[1] ?? '').toLowerCase()
    if (id !== nilGuid && !ids.includes(id)) ids.push(id)
  }
  return ids
}
