import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { secretForms } from './secret-forms.ts'

/** Begins every password, token and passphrase that the tests make up where it could leak, so that a scan finds them all. */
export const canaryMarker = 'nacCanaryXq7Z'

/** A line on which a secret stands, and of which kind it is. The secret itself is never repeated. */
export interface SecretFinding {
  readonly file: string
  readonly line: number
  readonly what: string
}

interface Shape {
  readonly what: string
  readonly pattern: RegExp
}

/** Line ends of PEM, as they are and as JSON, a logger or a query writes them. */
const lineEnd = String.raw`(?:\r?\n|\\r|\\n|%0[Dd]|%0[Aa]|\s)`

/**
 * What a secret looks like, whoever it belongs to. Each takes so much of the real thing that a sentence about it does
 * not match: a message may say BEGIN PRIVATE KEY, and only a block with a body is one.
 */
const shapes: readonly Shape[] = [
  {
    what: 'a PEM private key',
    pattern: new RegExp(
      `-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----${lineEnd}{0,4}(?:Proc-Type|[A-Za-z0-9+/]{32})`,
      'g',
    ),
  },
  {
    // PKCS#8: rsaEncryption, then an octet string (RFC 5208, RFC 8017 A.1): a certificate has a bit string there.
    what: 'the body of an RSA private key',
    pattern: /ANBgkqhkiG9w0BAQEFAASC/g,
  },
  {
    what: 'a JSON Web Token',
    pattern: /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/g,
  },
  {
    what: 'an encoded JSON Web Token',
    pattern: oneOf(['eyJ0eXAiOiJKV1Qi', 'eyJhbGciOi'].flatMap((start) => secretForms(start).slice(1))),
  },
  { what: 'a planted canary', pattern: oneOf(secretForms(canaryMarker)) },
]

/** Every line of a file on which a secret stands, counted from 1; the bytes need not be text. */
export function scanBytes(file: string, bytes: Buffer): readonly SecretFinding[] {
  const text = bytes.toString('latin1')
  return shapes.flatMap(({ what, pattern }) => {
    const lines = [...text.matchAll(pattern)].map(({ index }) => lineAt(text, index))
    return [...new Set(lines)].map((line) => ({ file, line, what }))
  })
}

/** The same of a file, or of every file in a directory and below it, and how many there were. */
export function scanPath(path: string): { files: number; findings: readonly SecretFinding[] } {
  if (!statSync(path).isDirectory()) return { files: 1, findings: scanBytes(path, readFileSync(path)) }
  const files = readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return { files: files.length, findings: files.flatMap((file) => scanBytes(file, readFileSync(file))) }
}

/**
 * The step of `npm test`: false, and every place by file and line, where a secret stands in what the suite wrote. Nothing
 * is left out. The keys, passwords and certificates that tests hand to the service are not output and are elsewhere.
 */
export function checkForSecrets(paths: readonly string[]): boolean {
  process.stdout.write('\n== secrets in what the tests wrote\n')
  const scans = paths.map(scanPath)
  const findings = scans.flatMap((scan) => scan.findings)
  for (const { file, line, what } of findings) process.stdout.write(`${file}:${line}: ${what}\n`)
  const files = scans.reduce((sum, scan) => sum + scan.files, 0)
  process.stdout.write(`${files} files, ${findings.length} secrets\n`)
  return findings.length === 0
}

/** Letters, digits and a few signs alone: none but these has a meaning in a pattern. */
function oneOf(texts: readonly string[]): RegExp {
  return new RegExp(texts.map((text) => text.replaceAll(/[+/=%]/g, '\\$&')).join('|'), 'g')
}

function lineAt(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line += 1
  return line
}
