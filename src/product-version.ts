import { readFileSync } from 'node:fs'

/** The version of this program, from package.json, which lies one above both src and dist. */
export function productVersion(): string {
  const file = new URL('../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}
