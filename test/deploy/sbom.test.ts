import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { packageNameOf, readLockFile, runtimePackages } from '../../scripts/lock-file.ts'
import { softwareBillOfMaterials } from '../../scripts/sbom.ts'

const root = join(import.meta.dirname, '../..')
const text = softwareBillOfMaterials(root)

/** The parts of CycloneDX 1.5 (ECMA-424) that scanners read. */
const Component = z.object({
  'bom-ref': z.string().min(1),
  type: z.enum(['library', 'application']),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: z.string().regex(/^pkg:npm\//),
  licenses: z
    .array(
      z.union([z.object({ license: z.object({ id: z.string() }) }), z.object({ expression: z.string() })]),
    )
    .min(1),
  hashes: z
    .array(z.object({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }))
    .min(1)
    .optional(),
})
const Bom = z.strictObject({
  $schema: z.string(),
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.enum(['1.5', '1.6', '1.7']),
  serialNumber: z
    .string()
    .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  version: z.literal(1),
  metadata: z.object({ component: Component }),
  components: z.array(Component),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

t.test('the bill of materials is valid CycloneDX', async (t) => {
  const bom = Bom.parse(JSON.parse(text))
  t.equal(bom.metadata.component.name, 'intune-nac', 'it is about us, whatever the folder is called')
  t.ok(
    bom.components.every(({ hashes }) => hashes !== undefined),
    'every component has its hash',
  )
  const refs = new Set([bom.metadata.component, ...bom.components].map((component) => component['bom-ref']))
  t.equal(refs.size, bom.components.length + 1, 'no component is there twice')
  for (const { ref, dependsOn } of bom.dependencies) {
    for (const name of [ref, ...dependsOn]) if (!refs.has(name)) t.fail(`${name} is named but not described`)
  }
})

t.test('every runtime package is in it and no development package', async (t) => {
  const { components } = Bom.parse(JSON.parse(text))
  const expected = runtimePackages(readLockFile(root)).map(
    ({ path, entry }) => `${packageNameOf(path)}@${entry.version}`,
  )
  t.same(components.map((component) => component['bom-ref']).toSorted(), [...new Set(expected)].toSorted())
  for (const shared of ['lru-cache', 'zod', 'yaml', 'ajv']) {
    t.ok(
      components.some(({ name }) => name === shared),
      `${shared} is there, although development packages need it too`,
    )
  }
  t.notOk(components.some(({ name }) => name === 'tap' || name === 'typescript'))
})

t.test('the service depends on what package.json lists, and on nothing for development', async (t) => {
  const { dependencies, metadata } = Bom.parse(JSON.parse(text))
  const ours = dependencies.find(({ ref }) => ref === metadata.component['bom-ref'])
  const listed = Object.entries(readLockFile(root).packages['']?.dependencies ?? {})
  t.same(ours?.dependsOn, listed.map(([name, version]) => `${name}@${version}`).toSorted())
})

t.test('the same lock file gives the same text, without addresses or paths of a machine', async (t) => {
  t.equal(softwareBillOfMaterials(root), text)
  t.same(
    text.match(/\w+:\/\/[^"]*/g),
    ['http://cyclonedx.org/schema/bom-1.5.schema.json'],
    'only its own schema',
  )
  t.notOk(text.includes(root), 'the folder is not in it')
})
