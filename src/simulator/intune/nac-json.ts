import { type Exchange, jsonReply, parameter, type SimulatedCloud, type WireReply } from '../exchange.ts'
import type { Device } from '../state/devices.ts'
import { findManagedDevices, readQuestion } from './device-question.ts'
import { presentIntuneError } from './intune-error.ts'
import { deviceObject, unmanagedObject } from './nac-json-object.ts'

/** The versions that Microsoft names ("Data shared with NAC partners", network access control integration). */
const versions: readonly string[] = ['1.0', '1.1', '1.3']

/** NAC 1.x for everybody but ISE: one flat JSON object about one device. The caller was let in. */
export function answerNacJson(exchange: Exchange, cloud: SimulatedCloud): WireReply {
  const refuse = (reason: string) => presentIntuneError(400, exchange, cloud, { reason })
  const variants = cloud.state.tenant.variants()
  const version = parameter(exchange, 'api-version') ?? exchange.headers['api-version']
  if (typeof version !== 'string' || !versions.includes(version)) {
    return refuse('api-version is missing or not supported')
  }
  const anyMacSpelling = variants.macSpelling === 'not_found'
  const question = readQuestion(exchange, ['macaddress', 'imei', 'meid', 'udid'], { anyMacSpelling })
  if (typeof question === 'string') return refuse(question)

  const managed = findManagedDevices(question, cloud)
  const latest = latestOf(managed)
  if (latest === undefined) {
    if (variants.nacNotFound === 'http_404') return presentIntuneError(404, exchange, cloud)
    return jsonReply(200, unmanagedObject(version, variants))
  }
  if (managed.length === 1 || variants.nacDuplicates === 'single') {
    return jsonReply(200, deviceObject(latest, question, version, variants))
  }
  const objects = managed.map((device) => deviceObject(device, question, version, variants))
  return jsonReply(200, variants.nacDuplicates === 'array' ? objects : { value: objects })
}

/** The device that was in contact last; of equals the one that was put last. */
function latestOf(devices: readonly Device[]): Device | undefined {
  const contactMs = ({ lastContactMs, lastSyncMs }: Device) => lastContactMs ?? lastSyncMs ?? 0
  return devices.reduce<Device | undefined>(
    (latest, device) => (latest && contactMs(device) < contactMs(latest) ? latest : device),
    undefined,
  )
}
