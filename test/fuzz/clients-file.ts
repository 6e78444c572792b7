import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { hashSecret } from '../../src/server/secret-hash.ts'

/** A clients file with one client, `fuzz`, for every front end: by password, and another by token. */
export async function writeClientsFile(t: Test) {
  const [password, token] = ['s3cret-password-canary', 's3cret-token-canary']
  // Not t.testdir: the service that it belongs to has one, and a test has only one.
  const directory = mkdtempSync(join(tmpdir(), 'fuzz-clients-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'clients.yaml')
  writeFileSync(
    file,
    `clients:
  - { name: fuzz, basic: { username: fuzz, passwordHash: "${await hashSecret(password)}" } }
  - { name: fuzz-token, bearer: { tokenHash: "${await hashSecret(token)}" } }
`,
  )
  return { file, password, token }
}
