import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const Versions = z.record(z.string(), z.string())

/** One installed package of package-lock.json, by its path; only what is looked at (npm docs, package-lock.json v3). */
const LockEntry = z.looseObject({
  version: z.string().default(''),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  dependencies: Versions.optional(),
  devDependencies: Versions.optional(),
  optionalDependencies: Versions.optional(),
})
export type LockEntry = z.infer<typeof LockEntry>

const LockFile = z.looseObject({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), LockEntry),
})
export type LockFile = z.infer<typeof LockFile>

/** Reads package-lock.json of a folder. Throws where it is not there or of another version. */
export function readLockFile(directory: string): LockFile {
  return parseLockFile(readFileSync(join(directory, 'package-lock.json'), 'utf8'))
}

/** Parses the text of a lock file. Throws for anything but version 3. */
export function parseLockFile(text: string): LockFile {
  return LockFile.parse(JSON.parse(text))
}

/** The packages that the service runs with, ourselves left out. */
export function runtimePackages(lock: LockFile): { readonly path: string; readonly entry: LockEntry }[] {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true)
    .map(([path, entry]) => ({ path, entry }))
}

/** `node_modules/a/node_modules/@b/c` is `@b/c`. */
export function packageNameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}
