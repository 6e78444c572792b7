import type { Logger } from 'pino'
import { logPolicyChange } from './app-log.ts'
import type { Clock } from './clock.ts'
import type { ProxySettings, Secrets, Settings } from './config/settings.ts'
import { type Fault, failure, type Outcome, success } from './errors/fault.ts'
import { openPermissionsOf } from './files/file-permissions.ts'
import { problemOfLogFile } from './files/log-file-problem.ts'
import { type ClientCertificate, loadClientCertificate } from './intune/client-certificate.ts'
import { createOutbound, type Outbound } from './intune/outbound.ts'
import { loadTrust } from './intune/trust-roots.ts'
import { findRadiusWarning } from './policy/radius-warning.ts'
import { loadPolicy, openSitePolicy, type SitePolicy } from './policy/site-policy.ts'
import { type Authenticator, createAuthenticator } from './server/authentication.ts'
import type { ClientList } from './server/clients.ts'
import { type FollowedClients, openClients, readClients } from './server/followed-clients.ts'
import { loadTls, type TlsMaterial } from './server/tls.ts'
import { printable } from './text/printable.ts'

/** What the operator's files hold, read and checked. Those that can change while the service runs are followed. */
export interface OperatorFiles {
  readonly certificate: ClientCertificate
  /** Absent: the service speaks HTTP. */
  readonly tls?: TlsMaterial
  /** Absent: the management listener does. */
  readonly managementTls?: TlsMaterial
  readonly authenticate: Authenticator
  /** Absent: there is no CLIENTS_FILE. */
  readonly clients?: FollowedClients
  readonly policy: SitePolicy
  readonly outbound: Outbound
}

/** How the network is reached. */
export interface WayOut {
  /** Absent: no proxy. */
  readonly proxy?: ProxySettings
  /** Another way out than the network. */
  readonly outbound?: Outbound
}

interface Surroundings extends WayOut {
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every change of POLICY_FILE, of its list files (`list`, as it names them) and CLIENTS_FILE at run time. */
  readonly onReload: (file: 'POLICY_FILE' | 'CLIENTS_FILE', isTaken: boolean, list?: string) => void
}

/**
 * Opens every file that the settings name, in the order in which an operator would look at them. Faults are those of the
 * first that is wrong: certificate, key, TLS files, clients, policy, extra trust roots.
 */
export function openOperatorFiles(
  { settings, secrets }: { readonly settings: Settings; readonly secrets: Secrets },
  { clock, logger, proxy, outbound: replaced, onReload }: Surroundings,
): Outcome<OperatorFiles> {
  const certificate = loadClientCertificate({ ...settings.intune, passphrase: secrets.privateKeyPassphrase })
  if (!certificate.ok) return certificate
  const tls = settings.serviceTls && loadTls(settings.serviceTls)
  if (tls && !tls.ok) return tls
  const managementTls = settings.management.tls && loadTls(settings.management.tls, 'MANAGEMENT_TLS')
  if (managementTls && !managementTls.ok) return managementTls
  const noteRadius = () => {
    const warning =
      authentication.ok && policy.ok && authentication.value.servesRadius() && policy.value.radiusWarning()
    if (warning) logger.warn({ event: 'policy_warning' }, warning)
  }
  const authentication = openAuthentication(settings, {
    clock,
    logger,
    onReload,
    onRadius: () => noteRadius(),
  })
  if (!authentication.ok) return authentication
  const logChange = logPolicyChange(logger)
  let isOpen = false
  const policy = openSitePolicy(settings.policyFile, {
    clock,
    onChange(change) {
      logChange(change)
      // The first one is no change: it is what the service starts with.
      if (!isOpen) return
      onReload('POLICY_FILE', change.taken, change.list?.file)
      if (change.taken && !change.list) noteRadius()
    },
  })
  if (!policy.ok) return policy
  isOpen = true
  noteRadius()
  const log = checkDecisionLog(settings)
  if (!log.ok) return log
  const { caFile } = settings.intune
  const outbound = replaced
    ? success(replaced)
    : createOutbound({ ...(caFile !== undefined && { caFile }), ...(proxy && { proxy }) }, clock)
  if (!outbound.ok) return outbound
  return success({
    certificate: certificate.value,
    ...(tls && { tls: tls.value }),
    ...(managementTls && { managementTls: managementTls.value }),
    authenticate: authentication.value.authenticate,
    ...(authentication.value.clients && { clients: authentication.value.clients }),
    policy: policy.value,
    outbound: outbound.value,
  })
}

/**
 * Everything that is wrong with the files that the settings name, in the order in which they are opened, without opening
 * anything for good: what `config` and `doctor` say, and what a service that cannot start says beyond the first fault.
 */
export function checkOperatorFiles({
  settings,
  secrets,
}: {
  readonly settings: Settings
  readonly secrets: Secrets
}): readonly Fault[] {
  return [...checkConnectionFiles({ settings, secrets }), ...checkServiceFiles(settings)]
}

function checkConnectionFiles({ settings, secrets }: Parameters<typeof checkOperatorFiles>[0]) {
  const { intune } = settings
  return faultsOf([
    loadClientCertificate({ ...intune, passphrase: secrets.privateKeyPassphrase }),
    intune.caFile === undefined ? undefined : loadTrust(intune.caFile),
  ])
}

/** The same for those that have nothing to do with Microsoft: certificate for HTTPS, clients, policy. */
export function checkServiceFiles(settings: Settings): readonly Fault[] {
  const { serviceTls, management, clientsFile, policyFile } = settings
  const verifiesCertificates = verifiesCallers(settings)
  return faultsOf([
    serviceTls && loadTls(serviceTls),
    management.tls && loadTls(management.tls, 'MANAGEMENT_TLS'),
    clientsFile === undefined ? undefined : readClients(clientsFile, { verifiesCertificates }),
    policyFile === undefined ? undefined : loadPolicy(policyFile),
    checkDecisionLog(settings),
  ])
}

/** What is allowed and odd about the policy, and about it together with the clients; nothing where a file is wrong. */
export function findPolicyWarnings(settings: Settings): readonly string[] {
  const { policyFile, clientsFile } = settings
  const policy = policyFile === undefined ? undefined : loadPolicy(policyFile)
  if (policy && !policy.ok) return []
  const verifiesCertificates = verifiesCallers(settings)
  const clients = clientsFile === undefined ? undefined : readClients(clientsFile, { verifiesCertificates })
  const warning =
    !clients || (clients.ok && mayAskByRadius(clients.value))
      ? findRadiusWarning(policy?.value.definition)
      : undefined
  return [...(policy?.value.warnings ?? []), ...(warning === undefined ? [] : [warning])]
}

/** Whether anybody may use the RADIUS front end. Without CLIENTS_FILE everybody on this machine may. */
function mayAskByRadius({ clients }: ClientList): boolean {
  return clients.some(({ frontends }) => frontends.includes('radius'))
}

/** Whether any listener asks its callers for certificates. */
function verifiesCallers({ serviceTls, management }: Settings): boolean {
  return (serviceTls?.clientCaFile ?? management.tls?.clientCaFile) !== undefined
}

/** Files with secrets that others may read or change, a sentence each: allowed, and mostly a mistake. */
export function warnOfPermissions(settings: Settings): readonly string[] {
  const { intune, serviceTls, management, clientsFile } = settings
  const files = {
    INTUNE_PRIVATE_KEY_FILE: intune.privateKeyFile,
    SERVICE_TLS_PRIVATE_KEY_FILE: serviceTls?.privateKeyFile,
    MANAGEMENT_TLS_PRIVATE_KEY_FILE: management.tls?.privateKeyFile,
    CLIENTS_FILE: clientsFile,
  }
  return Object.entries(files).flatMap(([variable, file]) => {
    const problem = file === undefined ? undefined : openPermissionsOf(file)
    return problem === undefined ? [] : [`${variable} ${problem}`]
  })
}

function faultsOf(outcomes: readonly (Outcome<unknown> | undefined)[]): readonly Fault[] {
  return outcomes.flatMap((outcome) => (outcome === undefined || outcome.ok ? [] : [outcome.fault]))
}

/** What can be seen without opening it, which is for the service alone. */
function checkDecisionLog({ decisionLog }: Settings): Outcome<void> {
  const problem = decisionLog && problemOfLogFile(decisionLog.file)
  if (problem === undefined) return success(undefined)
  return failure('configuration_invalid', printable(`DECISION_LOG_FILE ${problem}`), {
    field: 'DECISION_LOG_FILE',
  })
}

interface Authentication {
  readonly authenticate: Authenticator
  readonly clients?: FollowedClients
  /** Whether anybody may use the RADIUS front end now; `onRadius` is called when that begins. */
  readonly servesRadius: () => boolean
}

/** Who may ask: by CLIENTS_FILE, which is followed, or everyone on this machine where there is none. */
function openAuthentication(
  settings: Settings,
  {
    clock,
    logger,
    onReload,
    onRadius,
  }: Pick<Surroundings, 'clock' | 'logger' | 'onReload'> & {
    readonly onRadius: () => void
  },
): Outcome<Authentication> {
  const { clientsFile } = settings
  if (clientsFile === undefined) {
    return success({ authenticate: createAuthenticator({ clients: undefined }), servesRadius: () => true })
  }
  const clients = openClients(clientsFile, {
    clock,
    verifiesCertificates: verifiesCallers(settings),
    onChange(change) {
      onReload('CLIENTS_FILE', change.taken)
      if (change.taken) {
        authenticate.replaceClients(change.list)
        logger.info({ event: 'clients_loaded', clients: change.list.clients.length }, 'clients loaded')
        const servedRadius = servesRadius
        servesRadius = mayAskByRadius(change.list)
        if (servesRadius && !servedRadius) onRadius()
        return
      }
      const text = 'CLIENTS_FILE was changed but is refused; the clients in force stay'
      logger.error({ event: 'clients_refused', problems: change.problem.split('\n') }, text)
    },
  })
  if (!clients.ok) return clients
  const authenticate = createAuthenticator({ clients: clients.value.initial, clock })
  let servesRadius = mayAskByRadius(clients.value.initial)
  return success({ authenticate, clients: clients.value, servesRadius: () => servesRadius })
}
