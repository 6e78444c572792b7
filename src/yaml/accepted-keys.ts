import type { z } from 'zod'

/** As much of a schema as leads from a path to the keys of the maps there. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
}

/** The keys that a map at this path of the data may have; of every variant, where there are several. */
export function acceptedKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const definition = schema._zod.def as unknown as Definition
  const { shape, element, options, innerType, valueType } = definition
  const inside = innerType ?? definition.in
  if (inside !== undefined) return acceptedKeys(inside, path)
  if (options !== undefined) return options.flatMap((option) => acceptedKeys(option, path))
  const [first, ...rest] = path
  if (first === undefined) return Object.keys(shape ?? {})
  const next = typeof first === 'number' ? element : (shape?.[String(first)] ?? valueType)
  return next === undefined ? [] : acceptedKeys(next, rest)
}
