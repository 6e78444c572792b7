import { type Cloud, type CloudName, clouds } from '../config/clouds.ts'

/** What Cisco ISE has to be given to ask this service: the fields of its form for an MDM server, by their labels there. */
export interface MdmServerFields {
  readonly 'Host Name / IP Address': string
  readonly Port: string
  readonly 'Instance Name': string
  readonly 'User Name': string
  readonly Password: string
  /** Not in the form: what goes under Trusted Certificates before. */
  readonly 'Trusted Certificates': string
}

/** Where the service is asked, as far as it is known when ISE is set up. */
export interface ServiceAddress {
  readonly host?: string | undefined
  readonly port: string
  /** Path below which a proxy publishes the service. */
  readonly pathPrefix?: string | undefined
  readonly certificateFile?: string | undefined
}

/** The values for ISE with this service as its MDM server (docs/ise.md). */
export function mdmServerFieldsOf({
  host,
  port,
  pathPrefix,
  certificateFile,
}: ServiceAddress): MdmServerFields {
  const certificate = certificateFile ?? 'SERVICE_TLS_CERTIFICATE_FILE'
  return {
    'Host Name / IP Address': host ?? `<DNS name of this service, one of those in ${certificate}>`,
    Port: port,
    'Instance Name': pathPrefix?.replace(/^\/+|\/+$/g, '') || '(empty)',
    'User Name': 'ise',
    Password: 'printed once by: intune-nac client add ise --basic --frontend ise --file clients.yaml',
    'Trusted Certificates': `the root that signed ${certificate}, or itself where it is self-signed`,
  }
}

/** The four fields of the form of ISE's own Intune connector, by the labels they have there. */
export interface IseFields {
  readonly 'Auto Discovery URL': string
  readonly 'Client ID': string
  readonly 'Token Issuing URL': string
  readonly 'Token Audience': string
}

/** What is known when a connection is set up. */
export interface ConnectionNames {
  readonly tenant?: string | undefined
  readonly clientId?: string | undefined
  readonly cloud: CloudName
}

/** Stands where the operator has not said something yet. */
export const unknownValue = { tenant: '<tenant id>', clientId: '<application (client) id>' } as const

/**
 * The values for ISE 3.1 patch 8, 3.2 patch 4, 3.3 and later, which use the v2 token endpoint (Cisco "Integrate
 * Microsoft Intune with Cisco ISE"). Microsoft names no Intune resource for the cloud operated by 21Vianet.
 */
export function iseFieldsOf({ tenant, clientId, cloud }: ConnectionNames): IseFields {
  const { graphUrl, loginUrl, audience }: Cloud = clouds[cloud]
  return {
    'Auto Discovery URL': graphUrl,
    'Client ID': clientId ?? unknownValue.clientId,
    'Token Issuing URL': `${loginUrl}/${tenant ?? unknownValue.tenant}/oauth2/v2.0/token`,
    'Token Audience': audience ?? '<ask Microsoft: no value is published for this cloud>',
  }
}

/** The variables of this service for the same connection. */
export function serviceVariablesOf(
  { tenant, clientId, cloud }: ConnectionNames,
  files: { readonly certificateFile: string; readonly privateKeyFile?: string | undefined },
): Readonly<Record<string, string>> {
  return {
    INTUNE_TENANT_ID: tenant ?? unknownValue.tenant,
    INTUNE_CLIENT_ID: clientId ?? unknownValue.clientId,
    ...(cloud !== 'public' && { INTUNE_CLOUD: cloud }),
    INTUNE_CERTIFICATE_FILE: files.certificateFile,
    INTUNE_PRIVATE_KEY_FILE: files.privateKeyFile ?? '<file of its private key>',
  }
}
