import { type Cloud, type CloudName, clouds } from '../config/clouds.ts'

/** The four fields of Cisco ISE's external MDM server form for Intune, by the labels they have there. */
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
