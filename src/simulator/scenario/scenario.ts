import { z } from 'zod'
import { appSchema } from '../state/apps.ts'
import { deviceSchema } from '../state/devices.ts'
import { faultSchema } from '../state/faults.ts'
import { type VariantsInput, variantsSchema } from '../state/variants.ts'

/** A whole state of the tenant in one document: what the control API takes piece by piece, under the same names. */
export const scenarioSchema = z.strictObject({
  apps: uniqueBy(
    'clientId',
    appSchema.extend({ certificatesPem: appSchema.shape.certificatesPem.optional() }),
  ).default([]),
  devices: uniqueBy('deviceId', deviceSchema).default([]),
  variants: z.custom<VariantsInput>().superRefine(checkVariants).default({}),
  faults: z.array(faultSchema).default([]),
})

/** What `applyScenario` takes. */
export type ScenarioInput = z.input<typeof scenarioSchema>

/** What a scenario brought along. */
export interface LoadedScenario {
  readonly apps: number
  readonly devices: number
  /** Names of the variants that it sets. */
  readonly variants: readonly string[]
  readonly faultIds: readonly string[]
}

/** A list in which nobody is described twice: the second description would silently win. */
function uniqueBy<Key extends string, Item extends z.ZodType<Readonly<Record<Key, string>>>>(
  key: Key,
  item: Item,
) {
  return z.array(item).superRefine((items, context) => {
    const seen = new Set<string>()
    items.forEach((one, index) => {
      if (seen.has(one[key])) {
        context.addIssue({ code: 'custom', path: [index, key], message: 'is there twice' })
      }
      seen.add(one[key])
    })
  })
}

/** Checked and not parsed: parsing would add the default of every variant that the scenario leaves alone. */
function checkVariants(given: unknown, context: z.RefinementCtx): void {
  for (const issue of variantsSchema.safeParse(given).error?.issues ?? []) {
    const { path, message } = issue
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
    for (const one of paths) context.addIssue({ code: 'custom', path: one, message })
  }
}
