/**
 * Every way in which a secret can stand in a text or a file without being legible: as it is, in base64 and base64url
 * wherever in the encoded bytes it begins, in hex, and percent-encoded to the last character. Upper and lower case are
 * both there where writers differ. A secret of fewer than twelve bytes has forms that turn up by chance.
 */
export function secretForms(secret: string | Buffer): readonly string[] {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret
  const hex = bytes.toString('hex')
  const percent = hex.replaceAll(/../g, '%$&')
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset))
  return [
    ...new Set([
      bytes.toString('latin1'),
      ...base64,
      ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
      hex,
      hex.toUpperCase(),
      percent,
      percent.toUpperCase(),
    ]),
  ]
}

/** The characters that encode these bytes and nothing beside them, if `offset` bytes of a group of three come before. */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
}
