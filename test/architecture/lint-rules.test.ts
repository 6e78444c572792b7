import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')

/** What the rules of this repository say of texts that would stand in src, in the order of the texts. */
function lint(texts: readonly string[], fileOf = (number: number) => `src/compliance/sample-${number}.ts`) {
  const directory = mkdtempSync(join(tmpdir(), 'intune-nac-lint-'))
  try {
    const { $schema: _, vcs: __, ...settings } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
    writeFileSync(join(directory, 'biome.json'), JSON.stringify(settings))
    cpSync(join(root, 'scripts/lint'), join(directory, 'scripts/lint'), { recursive: true })
    mkdirSync(join(directory, 'src/compliance'), { recursive: true })
    for (const [number, text] of texts.entries()) writeFileSync(join(directory, fileOf(number)), `${text}\n`)
    const { stdout } = spawnSync(
      join(root, 'node_modules/.bin/biome'),
      ['lint', '--reporter=github', '--max-diagnostics=200', 'src'],
      { cwd: directory, encoding: 'utf8' },
    )
    const found = stdout.split('\n')
    return texts.map((_, number) => found.filter((line) => line.includes(fileOf(number))).join('\n'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const spread = /A list is never spread into arguments|apply passes a list/
const background = /started with inBackground/

t.test('a list is not spread into arguments anywhere in src', async (t) => {
  const bad = [
    'export const a = (rows: number[], more: number[]) => rows.push(...more)',
    'export const b = (rows: number[]) => Math.max(0, ...rows)',
    'export const c = (codes: number[]) => String.fromCharCode(...codes)',
    'export const d = (rows: number[][]) => [0].concat(...rows)',
    'export const e = (rows: number[]) => Math.max.apply(null, rows)',
    'export const f = (rows: number[]) => new Uint8Array(...rows)',
    'export const g = (rows: number[], run?: (...of: number[]) => number) => run?.(...rows)',
  ]
  const good = [
    'export const a = (rows: number[]) => [...rows]',
    'export const b = (rows: number[]) => new Set([...rows])',
    'export const c = (row: object) => JSON.stringify({ ...row })',
    'export const d = (...rows: number[]) => rows.length',
  ]
  const said = lint([...bad, ...good])
  for (const [number, text] of bad.entries()) t.match(said[number], spread, text)
  for (const [number, text] of good.entries()) t.notMatch(said[bad.length + number], spread, text)
})

t.test('work that nobody waits for is started in one place', async (t) => {
  const work = 'declare function work(): Promise<number>\n'
  const bad = [
    'export const a = () => void work()',
    'export function b() {\n  void work().then(() => 1)\n}',
    'export function c() {\n  work().then(() => 1)\n}',
    'export function d() {\n  work().finally(() => 1)\n}',
    'export function e() {\n  work().catch(() => 1)\n}',
  ]
  const good = [
    'export const a = async (): Promise<void> => {\n  await work()\n}',
    'export const b = () => work().then(() => 1)',
    'export interface C {\n  one(): void\n  two(): void\n}',
  ]
  const said = lint([...bad, ...good].map((text) => work + text))
  for (const [number, text] of bad.entries()) t.match(said[number], background, text)
  for (const [number, text] of good.entries()) t.notMatch(said[bad.length + number], background, text)
  const [own] = lint([`${work}export const a = () => void work()`], () => 'src/background.ts')
  t.notMatch(own, background)
})

t.test('no rule is switched off for a line of src', async (t) => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const sources = files.filter((file) => file.endsWith('.ts'))
  t.same(
    sources.filter((file) => readFileSync(join(root, 'src', file), 'utf8').includes('biome-ignore')),
    [],
  )
  t.same(
    sources.filter((file) =>
      /mkdir(?:Sync)?\([^)]*recursive/.test(readFileSync(join(root, 'src', file), 'utf8')),
    ),
    [],
    "and Node's recursive mkdir, which may never return, is not used: makeDirectory of src/files is",
  )
})
