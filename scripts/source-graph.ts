import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Static and dynamic imports, re-exports, and the modules of threads. Imports of types alone leave nothing to run. */
const imports =
  /(?:^|\n)\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]\s*\)/g

/**
 * The files that loading the given ones loads, themselves included: paths as they were given, relative imports alone. It
 * reads sources and not what a run reports, so it is the same in every run.
 */
export function reachableFrom(files: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = files.map(normalize)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file) || !existsSync(file)) continue
    reached.add(file)
    for (const [, named, loaded] of readFileSync(file, 'utf8').matchAll(imports)) {
      const target = named ?? loaded
      if (target !== undefined) waiting.push(join(dirname(file), target))
    }
  }
  return reached
}
