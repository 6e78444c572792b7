import { createPrivateKey, randomBytes } from 'node:crypto'
import { secretForms } from '../../scripts/secret-forms.ts'
import { canaryMarker } from '../../scripts/secret-scan.ts'

/** Secrets that were planted, and the search for them. */
export interface Canaries {
  /** Makes up a password or token and watches for it. */
  plant(name: string): string
  /** Watches for a signed token: its signature and what it says, also where only a part of it was written. */
  plantToken(name: string, jwt: string): void
  /** Watches for a private key: for every number in it that is private, and for the lines of the PEM that have them. */
  plantKey(name: string, pem: string): void
  names(): readonly string[]
  /** The names of those that stand in these bytes in any form, each with the place. */
  findIn(place: string, content: string | Buffer): readonly string[]
}

export function createCanaries(): Canaries {
  const needles = new Map<string, Set<string>>()

  function watch(name: string, parts: readonly (string | Buffer)[]): void {
    const known = needles.get(name) ?? new Set()
    for (const part of parts) for (const form of secretForms(part)) known.add(form)
    needles.set(name, known)
  }

  return {
    plant(name) {
      const own = randomBytes(12).toString('hex')
      // Its first half is enough: what was cut off is found as well.
      watch(name, [own.slice(0, 16)])
      return `${canaryMarker}${own}`
    },
    plantToken(name, jwt) {
      const [, payload = '', signature = ''] = jwt.split('.')
      const pieces = [payload.slice(-48, -16), signature.slice(0, 32), signature.slice(-32)]
      watch(
        name,
        pieces.filter((piece) => piece.length >= 16),
      )
      if (signature === '') watch(name, [jwt])
    },
    plantKey(name, pem) {
      const { d, p, q, dp, dq, qi } = createPrivateKey(pem).export({ format: 'jwk' })
      const numbers = [d, p, q, dp, dq, qi].map((number) => Buffer.from(number ?? '', 'base64url'))
      watch(
        name,
        numbers.flatMap((number) => [number.subarray(0, 24), number.subarray(-24)]),
      )
      const lines = pem.split('\n').filter((line) => line.length === 64)
      // The first lines hold the modulus, which is in the certificate too.
      watch(name, lines.slice(-8))
    },
    names: () => [...needles.keys()],
    findIn(place, content) {
      const text = Buffer.from(content).toString('latin1')
      return [...needles].flatMap(([name, forms]) =>
        [...forms].some((form) => text.includes(form)) ? [`${name} in ${place}`] : [],
      )
    },
  }
}
