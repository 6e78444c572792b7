import type { InjectOptions } from 'fastify'
import type { Logger } from 'pino'
import type { Test } from 'tap'
import type { DecisionRequest } from '../../../src/decision/decide.ts'
import type { Decision } from '../../../src/decision/decision.ts'
import type { ListedVerdict, NoncompliantDevice } from '../../../src/decision/noncompliant-devices.ts'
import { type Outcome, success } from '../../../src/errors/fault.ts'
import { frontends } from '../../../src/frontends/frontends.ts'
import { type Authenticate, createAuthenticator } from '../../../src/server/authentication.ts'
import { createServer } from '../../../src/server/server.ts'
import { keepReplies, keptLogger } from '../../fakes/kept-output.ts'
import { expectDocumented } from '../../openapi/validate-reply.ts'
import { collectXml } from './judge-xml.ts'
import { parseStrictly } from './strict-xml.ts'

export const deviceId = '1759c0fd-c8da-49e8-b14f-19d85acfacea'
export const mac = '0026B424FEB4'

/** Everything that a decision can say about a device. */
export const knownDevice: Decision = {
  decisionId: 'd-1',
  outcome: 'remediate',
  reason: 'noncompliant',
  complianceState: 'noncompliant',
  enrolled: true,
  matchedBy: 'mac',
  device: mac,
  source: 'cache',
  observedAtMs: Date.UTC(2026, 10, 22, 23, 40),
  ageMs: 41_900,
  stale: false,
  expiresInMs: 30_000,
  remediation: {
    action: 'fix_compliance',
    url: 'https://portal.example/',
    message: 'Open Company Portal, fix what it lists, then try again.',
  },
  deviceId,
  macs: [mac, '005056A4895A', '005056A4895B', '005056A4895C', '005056A4895D', '005056A4895E'],
  details: {
    deviceName: 'LAPTOP-01',
    manufacturer: 'AT&T <Devices>',
    model: 'Model "7" & more',
    operatingSystem: 'Windows',
    osVersion: '10.0.26100.1',
    serialNumber: 'VMware-42 24',
    imei: '490154203237518',
    meid: 'A10000009296F2',
    udid: '00008020-0015784C218A402E',
    phoneNumber: '+49 151 0',
    diskEncrypted: true,
    jailBroken: false,
    pinLocked: true,
    lastSyncMs: 1_621_571_561_000,
  },
}

/** A device that Intune does not manage. */
export const unknownDevice: Decision = {
  decisionId: 'd-2',
  outcome: 'remediate',
  reason: 'not_enrolled',
  complianceState: 'unknown',
  enrolled: false,
  matchedBy: 'mac',
  device: mac,
  source: 'intune',
  ageMs: 0,
  stale: false,
  expiresInMs: 30_000,
}

/** Nobody could be asked, and policy wants the caller to know. */
export const undetermined: Decision = {
  ...unknownDevice,
  outcome: 'fail',
  reason: 'intune_unavailable',
  complianceState: null,
  enrolled: null,
  source: 'none',
  faultCode: 'intune_throttled',
}

const listedVerdict: ListedVerdict = {
  reason: 'noncompliant',
  verdict: {
    outcome: 'remediate',
    rule: 'built-in',
    remediation: { action: 'fix_compliance', message: 'Open Company Portal.' },
  },
}

/** What a test wants to be different. */
export interface Difference {
  readonly decide?: (request: DecisionRequest) => Outcome<Decision>
  readonly judge?: (device: NoncompliantDevice) => ListedVerdict
  readonly authenticate?: Authenticate
  readonly logger?: Logger
  readonly pathPrefix?: string
}

/** The ISE front end over a scripted decision service; every XML reply is parsed strictly and kept for the judge. */
export function createIseApp(t: Test, difference: Difference = {}) {
  const requests: DecisionRequest[] = []
  let devices: readonly NoncompliantDevice[] = []
  let cannotList = false
  let outcome: Outcome<Decision> = success(knownDevice)
  const app = createServer({
    logger: difference.logger ?? keptLogger(),
    decide: async (request) => {
      requests.push(request)
      return difference.decide?.(request) ?? outcome
    },
    authenticate: difference.authenticate ?? createAuthenticator({ clients: undefined }),
    frontends,
    readiness: () => ({ ready: true, checks: {} }),
    mdmServer: {
      redirectUrl: 'https://portal.manage.microsoft.com/networkaccesscontrol/index',
      pathPrefix: difference.pathPrefix ?? '',
      productVersion: '1.2.3',
      noncompliantDevices: {
        list: async () => {
          if (cannotList) throw new Error('scripted')
          return devices
        },
        judge: difference.judge ?? (() => listedVerdict),
      },
    },
  })
  keepReplies(app)
  t.teardown(() => app.close())

  return {
    app,
    /** What the decision service was asked. */
    requests,
    decides(next: Decision | Outcome<Decision>) {
      outcome = 'ok' in next ? next : success(next)
    },
    lists(next: readonly NoncompliantDevice[]) {
      devices = next
    },
    failsToList(fails: boolean) {
      cannotList = fails
    },
    async inject(given: InjectOptions | string) {
      const request = typeof given === 'string' ? { url: given } : given
      const reply = await app.inject(request)
      const name = `${request.method ?? 'GET'} ${request.url}`
      t.equal(reply.headers['content-type'], 'application/xml; charset=utf-8', `${name}: XML`)
      t.equal(reply.headers['cache-control'], 'no-store', `${name}: not stored`)
      const path = String(request.url)
        .replace(/^https?:\/\/[^/]+/, '')
        .split('?')[0]
        ?.replace(difference.pathPrefix ?? '', '')
      // A page of thousands is a thousand times the same, and takes half a minute.
      if (reply.body.length < 100_000)
        expectDocumented(t, { method: request.method ?? 'GET', path: path ?? '', reply })
      if (request.method === 'HEAD') return { reply, root: { name: '', text: '', children: [] } }
      collectXml(reply.body)
      const root = parseStrictly(reply.body)
      t.equal(root.name, 'ise_api', `${name}: the root`)
      return { reply, root }
    },
  }
}

/** A device of the list. */
export function listedDevice(index: number, more: Partial<NoncompliantDevice> = {}): NoncompliantDevice {
  const id = `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
  return {
    id,
    deviceId: id,
    macs: [`00AA${index.toString(16).padStart(8, '0').toUpperCase()}`],
    record: { enrolled: true, complianceState: 'noncompliant', observedAtMs: 0, deviceId: id },
    ...more,
  }
}
