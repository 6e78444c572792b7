import type { ZodError } from 'zod'

/** One thing that is wrong with an input: where, as a dotted path, and what it must be. */
export interface Problem {
  readonly field: string
  readonly message: string
}

/** Every problem of a refused input. An unknown key is named itself, and not only the object that holds it. */
export function problemsOf(error: ZodError): Problem[] {
  return error.issues.flatMap((issue) => {
    const { path, message } = issue
    if (issue.code !== 'unrecognized_keys') return [{ field: path.join('.') || 'body', message }]
    return issue.keys.map((key) => ({ field: [...path, key].join('.'), message }))
  })
}
