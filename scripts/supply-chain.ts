/**
 * `npm run supply-chain`: what may go wrong with packages without anybody noticing. Prints what was found and ends with 1
 * where something is wrong. `npm audit` is asked too; a registry that cannot answer it is said loudly and is no failure.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type LockFile, packageNameOf, parseLockFile, runtimePackages } from './lock-file.ts'

const root = join(import.meta.dirname, '..')

/** Licences that ask for no more than their text and a notice. */
const acceptedLicences: readonly string[] = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
]

/** The development runtime is a binary that its package puts in place; nothing else may run code when it is installed. */
const acceptedInstallScripts: readonly string[] = ['node']

const Versions = z.record(z.string(), z.string()).default({})
const Manifest = z.looseObject({
  dependencies: Versions,
  devDependencies: Versions,
  optionalDependencies: Versions,
  peerDependencies: Versions,
  overrides: z.unknown().optional(),
  allowScripts: z.record(z.string(), z.boolean()).default({}),
})

/** Everything that is wrong with package.json and its lock file, a sentence each; none where all is well. */
export function findSupplyChainProblems(manifestText: string, lockText: string): string[] {
  const manifest = Manifest.parse(JSON.parse(manifestText))
  const lock = parseLockFile(lockText)
  return [
    ...unpinned(manifest),
    ...outOfStep(manifest, lock),
    ...addresses(lock),
    ...withoutIntegrity(lock),
    ...lostPlatforms(lock),
    ...installScripts(manifest, lock),
    ...licences(lock),
  ]
}

function unpinned(manifest: z.infer<typeof Manifest>): string[] {
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest
  const exact = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies })
    .filter(([, version]) => !exact.test(version))
    .map(([name, version]) => `package.json asks for ${name} ${version}: give one exact version`)
}

function outOfStep(manifest: z.infer<typeof Manifest>, lock: LockFile): string[] {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
  return Object.entries(wanted)
    .filter(([name, version]) => lock.packages[`node_modules/${name}`]?.version !== version)
    .map(([name, version]) => `package-lock.json does not hold ${name} ${version}: run npm install`)
}

/**
 * An address would tie every build to one registry and tell where the lock file was made. Links for people are none:
 * where a package asks for donations, and what its author says about it.
 */
function addresses(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === 'string') {
    return /^[a-z+]+:\/\/|^(?:git|github|file|link):/i.test(value) ? [atAddress(path)] : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'funding' || key === 'deprecated') return []
    return key === 'resolved' ? [atAddress([...path, key])] : addresses(inner, [...path, key])
  })
}

function atAddress(path: readonly string[]): string {
  return `package-lock.json holds an address at ${path.join(' > ')}: run npm install with .npmrc in place`
}

function withoutIntegrity(lock: LockFile): string[] {
  return Object.entries(lock.packages)
    .filter(([path, { integrity }]) => path !== '' && !integrity?.startsWith('sha512-'))
    .filter(([, entry]) => entry.inBundle !== true)
    .map(([path]) => `package-lock.json has no SHA-512 of ${packageNameOf(path)}`)
}

/** npm drops the packages of other platforms where it makes a lock file from an installed tree. */
function lostPlatforms(lock: LockFile): string[] {
  return Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isReachable(lock, path, name))
      .map(
        (name) => `package-lock.json lost ${name}, which ${packageNameOf(path)} needs on another platform`,
      ),
  )
}

/** As Node looks packages up: beside the package, then one folder further out, and so on. */
function isReachable(lock: LockFile, from: string, name: string): boolean {
  for (
    let folder = from;
    ;
    folder = folder.slice(0, folder.lastIndexOf('node_modules/')).replace(/\/$/, '')
  ) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true
    if (folder === '') return false
  }
}

function installScripts(manifest: z.infer<typeof Manifest>, lock: LockFile): string[] {
  const inLock = Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .filter(([path, { dev }]) => !(acceptedInstallScripts.includes(packageNameOf(path)) && dev === true))
    .map(([path]) => `${packageNameOf(path)} runs a script when it is installed`)
  const inManifest = Object.entries(manifest.allowScripts)
    .filter(([name, allowed]) => allowed && !acceptedInstallScripts.includes(name))
    .map(([name]) => `package.json allows the install script of ${name}`)
  return [...inLock, ...inManifest]
}

function licences(lock: LockFile): string[] {
  return runtimePackages(lock)
    .filter(({ entry }) => !isAccepted(entry.license ?? ''))
    .map(({ path, entry }) => `${packageNameOf(path)} has the licence ${entry.license ?? '(none)'}`)
}

/** Of `A OR B` one has to be accepted (SPDX licence expressions); anything more elaborate is for a person to read. */
function isAccepted(licence: string): boolean {
  const choices = licence.replace(/^\((.*)\)$/, '$1').split(' OR ')
  return choices.some((choice) => acceptedLicences.includes(choice.trim()))
}

/** What `npm audit` answered: how many advisories, or that it could not be asked. */
export type AuditAnswer = { readonly asked: false } | { readonly asked: true; readonly advisories: number }

/** Reads the output of `npm audit --json`. Anything but its report counts as "could not be asked". */
export function parseAudit(output: string): AuditAnswer {
  const Report = z.object({ metadata: z.object({ vulnerabilities: z.object({ total: z.number() }) }) })
  try {
    const { metadata } = Report.parse(JSON.parse(output))
    return { asked: true, advisories: metadata.vulnerabilities.total }
  } catch {
    return { asked: false }
  }
}

/** Bytes of one package as installed, the packages inside it left out; 0 where it is not installed. */
function sizeOf(directory: string): number {
  try {
    return readdirSync(directory, { withFileTypes: true }).reduce((sum, item) => {
      if (item.name === 'node_modules' || item.isSymbolicLink()) return sum
      const path = join(directory, item.name)
      return sum + (item.isDirectory() ? sizeOf(path) : statSync(path).size)
    }, 0)
  } catch {
    return 0
  }
}

function main(): void {
  const read = (name: string) => readFileSync(join(root, name), 'utf8')
  const lockText = read('package-lock.json')
  const problems = findSupplyChainProblems(read('package.json'), lockText)
  const lock = parseLockFile(lockText)
  const runtime = runtimePackages(lock)
  const bytes = runtime.reduce((sum, { path }) => sum + sizeOf(join(root, path)), 0)
  const direct = Object.keys(lock.packages['']?.dependencies ?? {}).length
  const all = Object.keys(lock.packages).length - 1
  process.stdout.write(
    `${runtime.length} runtime packages (${direct} of them direct), ${(bytes / 2 ** 20).toFixed(1)} MiB installed; ` +
      `${all} with development\n`,
  )
  const npm = spawnSync('npm', ['audit', '--omit=dev', '--json', '--fetch-retries=0'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  })
  const audit = parseAudit(npm.stdout ?? '')
  if (!audit.asked) {
    process.stdout.write(
      '!! npm audit: THE REGISTRY COULD NOT BE ASKED. Known vulnerabilities were NOT looked for in this run.\n',
    )
  } else if (audit.advisories > 0) {
    problems.push(`npm audit knows ${audit.advisories} vulnerable runtime packages: run npm audit --omit=dev`)
  } else process.stdout.write('npm audit: no known vulnerability in a runtime package\n')
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
}

if (import.meta.main) main()
