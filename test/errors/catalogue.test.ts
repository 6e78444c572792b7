import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { faultCatalogue } from '../../src/errors/catalogue.ts'

const areas = join(import.meta.dirname, '../../src/errors/areas')

t.test('every code of every area is in the catalogue, and none is described twice', async (t) => {
  const codes: string[] = []
  for (const file of readdirSync(areas)) {
    const module = (await import(join(areas, file))) as Record<string, object>
    for (const faults of Object.values(module)) codes.push(...Object.keys(faults))
  }
  t.strictSame(codes.sort(), Object.keys(faultCatalogue).sort())
})
