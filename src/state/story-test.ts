/** Where a text or a list of texts is in a story: keys, from the outside in. */
export type StoryPath = readonly string[]

/** What a story that is stored as JSON has to say. */
export interface StoryConditions {
  /** All of them: one of the texts at the paths is one of the values, which are in lower case as far as they are ASCII. */
  readonly where?:
    | readonly {
        readonly paths: readonly StoryPath[]
        /** Read instead where the story has nothing at any of the paths. */
        readonly earlierPaths?: readonly StoryPath[] | undefined
        readonly values: readonly string[]
      }[]
    | undefined
}

/** Whether a story fits. What is no JSON fits nothing but no condition at all. */
export function createStoryTest(where: NonNullable<StoryConditions['where']>): (text: string) => boolean {
  if (where.length === 0) return () => true
  const wanted = where.map((one) => ({ ...one, values: new Set(one.values) }))
  return (text) => {
    const story = parse(text)
    return wanted.every(({ paths, earlierPaths = [], values }) => {
      const now = valuesAt(story, paths)
      const found = now.length > 0 ? now : valuesAt(story, earlierPaths)
      return found.flat().some((one) => typeof one === 'string' && values.has(foldCase(one)))
    })
  }
}

/** ASCII alone, as the values were folded. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function valuesAt(story: unknown, paths: readonly StoryPath[]): readonly unknown[] {
  return paths.map((path) => path.reduce(memberOf, story)).filter((value) => value !== undefined)
}

function memberOf(parent: unknown, key: string): unknown {
  return typeof parent === 'object' && parent !== null && Object.hasOwn(parent, key)
    ? (parent as Readonly<Record<string, unknown>>)[key]
    : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
