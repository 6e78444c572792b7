/**
 * Writes every generated file of the repository; with `--check` it only says which ones are out of date and exits 1.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { commandsPage } from './commands-page.ts'
import { configurationPage } from './configuration-page.ts'
import { errorCodesPage } from './error-codes-page.ts'
import { managementOpenApiDocument } from './generate-management-openapi.ts'
import { openApiDocument } from './generate-openapi.ts'
import { metricsPage } from './metrics-page.ts'
import { policySchema } from './policy-schema.ts'

const generated: Readonly<Record<string, () => string | Promise<string>>> = {
  'openapi.yaml': openApiDocument,
  'openapi-management.yaml': managementOpenApiDocument,
  'docs/commands.md': commandsPage,
  'docs/configuration.md': configurationPage,
  'docs/error-codes.md': errorCodesPage,
  'docs/metrics.md': metricsPage,
  'docs/policy.schema.json': policySchema,
}

const check = process.argv.includes('--check')
for (const [file, generate] of Object.entries(generated)) {
  const text = await generate()
  if (readIfThere(file) === text) continue
  if (check) {
    process.stderr.write(`${file} is out of date; run: npm run generate\n`)
    process.exitCode = 1
  } else {
    writeFileSync(file, text)
    process.stdout.write(`${file} written\n`)
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
