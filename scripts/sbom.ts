/**
 * `npm run sbom [FILE]`: the bill of materials of what the image ships, CycloneDX 1.5 in JSON (ECMA-424), from the lock
 * file alone; standard output without FILE. The same lock file always gives the same text.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { packageNameOf, readLockFile, runtimePackages } from './lock-file.ts'

const root = join(import.meta.dirname, '..')

const Component = z.looseObject({
  'bom-ref': z.string(),
  name: z.string(),
  version: z.string(),
  purl: z.string(),
})
const Bom = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.[5-9]$/),
  metadata: z.looseObject({ timestamp: z.string(), component: Component }),
  components: z.array(Component),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

/** The text of the bill of materials. Throws where npm cannot write one. */
export function softwareBillOfMaterials(directory = root): string {
  const bom = Bom.parse(JSON.parse(askNpm(directory)))
  const lock = readLockFile(directory)
  const runtime = new Set(
    runtimePackages(lock).map(({ path, entry }) => `${packageNameOf(path)}@${entry.version}`),
  )
  const ours = bom.metadata.component
  const refs = new Set([ours['bom-ref'], ...runtime])
  const direct = new Set(Object.keys(lock.packages['']?.dependencies ?? {}))
  const components = bom.components
    .filter((component) => runtime.has(component['bom-ref']))
    .map((component) => withoutOrigins(component))
    .toSorted(byRef((component) => component['bom-ref']))
  const missing = [...runtime].filter((ref) => !components.some((component) => component['bom-ref'] === ref))
  if (missing.length > 0) throw new Error(`npm left out ${missing.join(', ')}`)
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({
      ref,
      dependsOn: dependsOn
        .filter((other) => refs.has(other))
        // npm lists development packages of ours here too, and some of them are runtime packages of another.
        .filter((other) => ref !== ours['bom-ref'] || direct.has(nameOfRef(other)))
        .toSorted(),
    }))
    .toSorted(byRef(({ ref }) => ref))
  // Time and the version of npm differ from run to run.
  const { timestamp: _time, tools: _npm, ...metadata } = bom.metadata
  const content = {
    bomFormat: bom.bomFormat,
    specVersion: bom.specVersion,
    version: 1,
    metadata: {
      ...metadata,
      // npm takes the name of the folder, which is another one in every checkout.
      component: { ...ours, type: 'application', name: nameOfRef(ours['bom-ref']) },
    },
    components,
    dependencies,
  }
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`
  return `${JSON.stringify({ $schema: bom.$schema, ...content, serialNumber }, null, 2)}\n`
}

/**
 * All packages, the development ones too: `--omit dev` also leaves out runtime packages that some development package
 * needs as well, lru-cache and zod among them.
 */
function askNpm(directory: string): string {
  const npm = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (npm.status !== 0) throw new Error('npm sbom failed')
  return npm.stdout
}

/** Where a package was fetched from is a matter of the machine that built; its hash is what identifies it. */
function withoutOrigins(component: z.infer<typeof Component>): z.infer<typeof Component> {
  const { externalReferences: _origins, properties: _flags, ...rest } = component
  return rest
}

/** A UUID that is the same for the same content (RFC 9562 section 5.8). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function nameOfRef(ref: string): string {
  return ref.slice(0, ref.lastIndexOf('@'))
}

function byRef<T>(refOf: (item: T) => string) {
  return (a: T, b: T) => (refOf(a) < refOf(b) ? -1 : 1)
}

if (import.meta.main) {
  const [file] = process.argv.slice(2)
  const text = softwareBillOfMaterials()
  if (file === undefined) process.stdout.write(text)
  else writeFileSync(file, text)
}
