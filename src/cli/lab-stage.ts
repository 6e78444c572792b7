import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type App, type AppOverrides, buildApp } from '../app.ts'
import type { CertificateAndKey } from '../certificates/certificate.ts'
import {
  createCertificateAuthority,
  issueClientCertificate,
  issueServerCertificate,
} from '../certificates/certificate-authority.ts'
import { loadSettings } from '../config/load-settings.ts'
import { sampleClientId } from '../config/sample-ids.ts'
import { createSecret, hashSecret } from '../server/secret-hash.ts'
import { type Simulator, startSimulator } from '../simulator/simulator.ts'
import { createLogger } from '../telemetry/logger.ts'
import { type Freeradius, type FreeradiusOptions, startFreeradius } from './lab-freeradius.ts'
import { type EapDevice, type MabDevice, playEapTls, playMab, type RadiusReply } from './lab-peers.ts'
import { putSampleDevices } from './sample-devices.ts'
import { temporaryDirectory, writeSimulatorAccess } from './simulator-files.ts'

const examplePolicy = join(import.meta.dirname, '../../deploy/freeradius/policy.yaml')

/** What a lab may be given instead of its defaults. */
export interface LabOptions extends AppOverrides {
  /** Variables of the service. */
  readonly environment?: Readonly<Record<string, string>>
  /** Text of the policy file; deploy/freeradius/policy.yaml unless told otherwise. */
  readonly policy?: string
  readonly freeradius?: Pick<FreeradiusOptions, 'adapt' | 'verbose'>
}

/** A whole network on loopback: simulated Intune, the service over HTTPS, a real FreeRADIUS, and devices to play. */
export interface LabStage {
  readonly directory: string
  readonly policyFile: string
  readonly simulator: Simulator
  readonly radius: Freeradius
  readonly serviceUrl: string
  /** Where the service that runs now is managed; another one after each start. */
  readonly managementUrl: () => string
  /** Basic credentials of the RADIUS server, `freeradius:...`. */
  readonly credentials: string
  /** Whose certificates the RADIUS server takes from devices. */
  readonly deviceAuthority: CertificateAndKey
  /** PEM of the root that the service's certificate comes from. */
  readonly serviceCaPem: string
  /** Everything the service logged so far. */
  readonly serviceLog: () => string
  /** Makes a certificate with these SAN URIs, as Intune's SCEP and PKCS profiles would. */
  issueCertificate(commonName: string, sanUris: readonly string[]): Promise<CertificateAndKey>
  mab(device: MabDevice): Promise<RadiusReply>
  eapTls(
    device: Pick<EapDevice, 'certificate' | 'mac' | 'identity' | 'again' | 'attributes'>,
  ): Promise<RadiusReply>
  stopService(): Promise<void>
  /** Starts it again at the same address, with an empty memory. */
  startService(): Promise<void>
  close(): Promise<void>
}

/** Starts everything; rejects when a program is missing. What was started is stopped again when a later part fails. */
export async function startLab(options: LabOptions = {}): Promise<LabStage> {
  const undo: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await buildStage(options, undo, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function buildStage(
  options: LabOptions,
  undo: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<LabStage> {
  const temporary = temporaryDirectory()
  undo.push(temporary.remove)
  const path = (name: string) => join(temporary.path, name)
  const file = (name: string, text: string) => {
    writeFileSync(path(name), text, { mode: 0o600 })
    return path(name)
  }
  const simulator = await startSimulator()
  undo.push(() => simulator.close())
  putSampleDevices(simulator)
  const access = await writeSimulatorAccess(simulator, sampleClientId, temporary.path)

  const [devices, services] = await Promise.all([
    createCertificateAuthority({ commonName: 'Lab device root' }),
    createCertificateAuthority({ commonName: 'Lab service root' }),
  ])
  const [serviceCertificate, eapServer] = await Promise.all([
    issueServerCertificate(services, { commonName: 'intune-nac', ipAddresses: ['127.0.0.1'] }),
    issueServerCertificate(services, { commonName: 'radius.lab', dnsNames: ['radius.lab'] }),
  ])
  const password = createSecret()
  const clients = `clients:\n  - name: freeradius\n    frontends: [radius]\n    basic: { username: freeradius, passwordHash: "${await hashSecret(password)}" }\n`
  const environment = {
    ...access.environment,
    SERVICE_HOST: '127.0.0.1',
    SERVICE_TLS_CERTIFICATE_FILE: file('service.pem', serviceCertificate.certificatePem),
    SERVICE_TLS_PRIVATE_KEY_FILE: file('service.key', serviceCertificate.privateKeyPem),
    MANAGEMENT_PORT: '0',
    CLIENTS_FILE: file('clients.yaml', clients),
    POLICY_FILE: file('policy.yaml', options.policy ?? readFileSync(examplePolicy, 'utf8')),
    COMPLIANT_FRESH_SECONDS: '1',
    REFRESH_AHEAD_SECONDS: '0',
    NONCOMPLIANT_FRESH_SECONDS: '1',
    ...options.environment,
  }
  const lines: string[] = []
  let app: App | undefined
  let port = '0'
  let managementUrl = ''
  const startService = async () => {
    const loaded = loadSettings({ ...environment, SERVICE_PORT: port }, () => undefined)
    if (!loaded.ok) throw new Error(`the lab's own settings are wrong: ${JSON.stringify(loaded.problems)}`)
    const logger = createLogger(
      { level: 'debug' },
      {
        write(line: string) {
          lines.push(line)
        },
      },
    )
    const built = buildApp(loaded, logger, options)
    if (!built.ok) throw new Error(`the lab's own files are wrong: ${built.fault.message}`)
    app = built.value
    const urls = await app.listen()
    managementUrl = urls.managementUrl
    port = new URL(urls.serviceUrl).port
  }
  const stopService = async () => {
    await app?.close()
    app = undefined
  }
  await startService()
  undo.push(stopService)
  const serviceUrl = `https://127.0.0.1:${port}`
  mkdirSync(path('raddb'), { mode: 0o700 })
  const radius = await startFreeradius({
    directory: path('raddb'),
    serviceUrl,
    password,
    eapServer,
    deviceCaPem: devices.certificatePem,
    serviceCaPem: services.certificatePem,
    ...options.freeradius,
  })
  undo.push(() => radius.close())
  let supplicants = 0
  return {
    directory: temporary.path,
    policyFile: environment.POLICY_FILE,
    simulator,
    radius,
    serviceUrl,
    managementUrl: () => managementUrl,
    credentials: `freeradius:${password}`,
    deviceAuthority: devices,
    serviceCaPem: services.certificatePem,
    serviceLog: () => lines.join(''),
    issueCertificate: (commonName, sanUris) => issueClientCertificate(devices, { commonName, sanUris }),
    mab: (device) => playMab(radius, device),
    async eapTls(device) {
      supplicants += 1
      const directory = path(`supplicant-${supplicants}`)
      mkdirSync(directory)
      return playEapTls(radius, { ...device, directory, serverCaPem: services.certificatePem })
    },
    stopService,
    startService,
    close,
  }
}
