import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { guidField } from './fields.ts'

const certificateField = z
  .string()
  .refine(
    (pem) => !pem.includes('PRIVATE KEY'),
    'must hold no private key: Entra is given the certificate only',
  )
  .refine(isCertificate, 'must be one X.509 certificate in PEM form')

/** An app registration, as it is written: who it is, its certificates and the app roles an admin consented to. */
export const appSchema = z.strictObject({
  clientId: guidField,
  certificatesPem: z.array(certificateField),
  roles: z
    .strictObject({
      graph: z.array(z.string()).default(['Application.Read.All']),
      intune: z.array(z.string()).default(['get_device_compliance']),
    })
    .prefault({}),
  disabled: z.boolean().default(false),
})

/** What `registerApp` takes; see {@link RegisteredApp} for the defaults. */
export type AppInput = z.input<typeof appSchema>

/**
 * An app registration of the simulated tenant. Defaults: role `Application.Read.All` on Graph,
 * `get_device_compliance` on the Intune API, enabled.
 */
export type RegisteredApp = z.output<typeof appSchema>

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).publicKey.type === 'public'
  } catch {
    return false
  }
}
