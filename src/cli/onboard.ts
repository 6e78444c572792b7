import { resolve } from 'node:path'
import { type CloudName, clouds } from '../config/clouds.ts'
import { isTenant } from '../config/ise-fields.ts'
import { variables } from '../config/variables.ts'
import { type AppCertificate, keyCredentialsOf, readAppCertificate } from '../onboarding/app-certificate.ts'
import {
  type ConnectionNames,
  iseFieldsOf,
  mdmServerFieldsOf,
  type ServiceAddress,
  serviceVariablesOf,
} from '../onboarding/connection-values.ts'
import { mergeCertificate, type ParsedManifest, parseManifest } from '../onboarding/manifest.ts'
import { permissionNames, requiredResourceAccess } from '../onboarding/permissions.ts'
import { printableValues } from '../text/printable.ts'
import { type CommandContext, exitCodes, UnusableFile, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { type CertificateOnDisk, createCertificateFiles, refuseExisting, writeNew } from './onboard-files.ts'
import { readFileBytes } from './read-option-file.ts'

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const form = {
  name: 'onboard',
  usage: ['--certificate FILE [options]', '--new --out DIR [options]'],
  does: [
    'Prints what Entra ID and Cisco ISE have to be given (docs/entra-setup.md); overwrites no file.',
    'Without --out-manifest the merged manifest goes to standard output, and the rest to standard error.',
  ],
  options: {
    certificate: { type: 'string', argument: 'FILE', meaning: 'a certificate that exists, PEM or DER' },
    new: {
      type: 'boolean',
      default: false,
      meaning: 'make an RSA key and a self-signed certificate: app.key, app.pem',
    },
    out: { type: 'string', argument: 'DIR', meaning: 'where --new writes them' },
    name: {
      type: 'string',
      argument: 'TEXT',
      default: 'intune-nac',
      meaning: 'common name in a new certificate',
    },
    bits: {
      type: 'string',
      argument: 'NUMBER',
      default: '3072',
      meaning: 'length of a new key: 2048, 3072 or 4096',
    },
    days: {
      type: 'string',
      argument: 'NUMBER',
      default: '365',
      meaning: 'how long a new certificate is valid: 1 to 3650',
    },
    'key-id': { type: 'string', argument: 'GUID', meaning: 'keyId in the manifest (default: a new one)' },
    merge: {
      type: 'string',
      argument: 'FILE',
      meaning: 'manifest of the app registration, to add the certificate to',
    },
    'out-manifest': { type: 'string', argument: 'FILE', meaning: 'where the merged manifest goes' },
    tenant: {
      type: 'string',
      argument: 'TENANT',
      meaning: 'tenant id or domain (default: INTUNE_TENANT_ID)',
    },
    client: { type: 'string', argument: 'GUID', meaning: 'application id (default: INTUNE_CLIENT_ID)' },
    cloud: {
      type: 'string',
      argument: 'NAME',
      meaning: `${Object.keys(clouds).join(', ')} (default: INTUNE_CLOUD)`,
    },
    host: { type: 'string', argument: 'NAME', meaning: 'DNS name by which ISE asks this service' },
    'ise-connector': {
      type: 'boolean',
      default: false,
      meaning: "the fields of ISE's own Intune connector too, which does without this service",
    },
    json: { type: 'boolean', default: false, meaning: 'everything as JSON' },
  },
  examples: [
    'onboard --new --out /etc/intune-nac --tenant contoso.example',
    'onboard --certificate app.pem --merge manifest.json --out-manifest merged.json',
  ],
} as const satisfies CommandForm

/** `intune-nac onboard` */
export const onboard = defineCommand(form, async ({ values }, context) => {
  if (values.new === (values.certificate !== undefined))
    throw new WrongUse('needs --certificate FILE for one that exists, or --new --out DIR to make one')
  if (values.new && values.out === undefined)
    throw new WrongUse('--new needs --out DIR to write the files to')
  if (!values.new && values.out !== undefined) throw new WrongUse('--out goes with --new')
  if (values['out-manifest'] !== undefined && values.merge === undefined)
    throw new WrongUse('--out-manifest goes with --merge')
  if (values['key-id'] !== undefined && !guid.test(values['key-id']))
    throw new WrongUse('--key-id must be a GUID')
  const names = readNames(values, context)
  const bits = pick(values.bits, ['2048', '3072', '4096'], '--bits')
  const days = Number(values.days)
  if (!/^\d{1,5}$/.test(values.days) || days < 1 || days > 3650)
    throw new WrongUse('--days must be from 1 to 3650')
  const outManifest = values['out-manifest']
  // Judged before anything is made, so that a refusal leaves no files behind.
  const manifest = values.merge === undefined ? undefined : readManifest(values.merge)
  if (outManifest !== undefined) refuseExisting([outManifest])

  const onDisk: CertificateOnDisk = values.new
    ? await createCertificateFiles({
        directory: values.out ?? '.',
        commonName: values.name,
        keyBits: Number(bits),
        days,
      })
    : {
        content: readFileBytes(values.certificate ?? '', '--certificate'),
        certificateFile: resolve(values.certificate ?? ''),
      }
  const read = readAppCertificate(onDisk.content, values['key-id'])
  if (!read.ok) throw new UnusableFile(`${onDisk.certificateFile}: ${read.fault.message}`)
  const certificate = read.value
  if (Date.parse(certificate.notAfter) < Date.now())
    context.err(`warning: the certificate expired at ${certificate.notAfter}; Entra ID will refuse it`)

  const merged = manifest && merge(manifest, certificate, values.merge ?? '')
  if (merged && outManifest !== undefined) writeNew(outManifest, merged.text, 0o644)
  const answer = {
    certificate,
    keyCredentials: keyCredentialsOf(certificate),
    requiredResourceAccess,
    mdmServer: mdmServerFieldsOf(addressOf(values.host, context)),
    ...(values['ise-connector'] && { iseFields: iseFieldsOf(names) }),
    variables: serviceVariablesOf(names, onDisk),
    ...(merged && { manifest: { form: merged.form, kept: merged.kept, merged: JSON.parse(merged.text) } }),
  }
  if (values.json) {
    context.out(JSON.stringify(answer, null, 2))
    return exitCodes.fine
  }
  const toStdout = merged !== undefined && outManifest === undefined
  if (toStdout) context.out(merged.text.trimEnd())
  const say = toStdout ? context.err : context.out
  say(asText(printableValues(answer), printableValues(onDisk)))
  if (merged) {
    const where = outManifest ?? 'standard output'
    say(`\nThe merged manifest (${merged.kept} kept, 1 added) is in ${where}: upload it under Manifest.`)
  }
  return exitCodes.fine
})

function readManifest(file: string): ParsedManifest {
  const parsed = parseManifest(readFileBytes(file, '--merge').toString('utf8'))
  if (!parsed.ok) throw new UnusableFile(`${file}: ${parsed.fault.message}; nothing was written`)
  return parsed.value
}

function merge(manifest: ParsedManifest, certificate: AppCertificate, file: string) {
  const merged = mergeCertificate(manifest, certificate)
  if (!merged.ok) throw new UnusableFile(`${file}: ${merged.fault.message}; no manifest was written`)
  return merged.value
}

function readNames(
  values: { tenant?: string | undefined; client?: string | undefined; cloud?: string | undefined },
  { environment }: CommandContext,
): ConnectionNames {
  const tenant = values.tenant ?? (environment.INTUNE_TENANT_ID || undefined)
  const clientId = values.client ?? (environment.INTUNE_CLIENT_ID || undefined)
  const cloud = values.cloud ?? (environment.INTUNE_CLOUD || 'public')
  if (tenant !== undefined && !isTenant(tenant))
    throw new WrongUse('--tenant must be the tenant id (a GUID) or a domain of the tenant')
  if (clientId !== undefined && !guid.test(clientId))
    throw new WrongUse('--client must be the application (client) id, a GUID')
  return {
    tenant: tenant?.toLowerCase(),
    clientId: clientId?.toLowerCase(),
    cloud: pick(cloud, Object.keys(clouds) as CloudName[], '--cloud'),
  }
}

function addressOf(host: string | undefined, { environment }: CommandContext): ServiceAddress {
  return {
    host,
    // A Service of Kubernetes may have put its address there.
    port: /^\d+$/.test(environment.SERVICE_PORT ?? '')
      ? (environment.SERVICE_PORT ?? '')
      : variables.SERVICE_PORT.default,
    pathPrefix: environment.SERVICE_PATH_PREFIX || undefined,
    certificateFile: environment.SERVICE_TLS_CERTIFICATE_FILE || undefined,
  }
}

function pick<T extends string>(value: string, choices: readonly T[], option: string): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw new WrongUse(`${option} must be one of ${choices.join(', ')}`)
  return found
}

function asText(
  answer: {
    readonly certificate: AppCertificate
    readonly keyCredentials: ReturnType<typeof keyCredentialsOf>
    readonly mdmServer: object
    readonly iseFields?: object
    readonly variables: object
  },
  { certificateFile, privateKeyFile }: CertificateOnDisk,
): string {
  const { certificate } = answer
  const json = (value: unknown) => JSON.stringify(value, null, 2)
  const list = (values: object) => Object.entries(values).map(([name, value]) => `  ${name}: ${value}`)
  return [
    `Certificate ${certificateFile}`,
    ...(privateKeyFile === undefined
      ? []
      : [`Private key ${privateKeyFile} (keep it secret; it stays here)`]),
    `  subject:             ${certificate.subject}`,
    `  valid:               ${certificate.notBefore} to ${certificate.notAfter}`,
    `  $base64Thumbprint:   ${certificate.base64Thumbprint}`,
    `  $keyid:              ${certificate.keyId}`,
    `  SHA-1 (portal):      ${certificate.thumbprintSha1}`,
    `  SHA-256:             ${certificate.thumbprintSha256}`,
    '  $base64Value:        "key" of the entry below',
    '',
    '1. Upload the certificate: App registrations > your app > Certificates & secrets > Certificates.',
    '   Or as an entry of keyCredentials in the manifest (Microsoft Graph form, that of today):',
    json(answer.keyCredentials.microsoftGraph),
    '   The same in the Azure AD Graph form of old manifests; "value" is "key" above:',
    json({ ...answer.keyCredentials.azureAdGraph, value: '$base64Value' }),
    '',
    '2. Permissions, then "Grant admin consent":',
    ...permissionNames.map((name) => `   ${name}`),
    '   In the manifest, requiredResourceAccess:',
    json(requiredResourceAccess),
    '',
    '3. Cisco ISE, Administration > Network Resources > External MDM > Add, with this service (docs/ise.md):',
    ...list({ 'Server Type': 'Mobile Device Manager', 'Authentication Type': 'Basic', ...answer.mdmServer }),
    ...(answer.iseFields
      ? ["   ISE's own Intune connector, which asks Intune without this service:", ...list(answer.iseFields)]
      : []),
    '',
    '4. This service:',
    ...Object.entries(answer.variables).map(([name, value]) => `  export ${name}='${value}'`),
    '',
    '5. intune-nac doctor',
  ].join('\n')
}
