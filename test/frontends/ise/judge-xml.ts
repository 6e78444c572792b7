import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

const directory = mkdtempSync(join(tmpdir(), 'ise-replies-'))
const files = new Map<string, string>()
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))

/** Keeps a reply on disk for the judge; the same text is kept once. */
export function collectXml(xml: string): void {
  const digest = hash('sha256', xml)
  if (files.has(digest)) return
  const file = join(directory, `${files.size}.xml`)
  writeFileSync(file, xml)
  files.set(digest, file)
}

/**
 * Has xmllint (libxml2, nothing of ours) say whether every reply that was collected is well-formed. Where it is not
 * installed that is said loudly, and in CI it is a failure.
 */
export function judgeXml(t: Test): void {
  if (spawnSync('xmllint', ['--version']).status !== 0) {
    const what = 'xmllint is not installed: apt-get install libxml2-utils'
    if (process.env.CI === 'true') t.fail(what)
    else t.comment(`NOT CHECKED: ${what}`)
    return
  }
  const all = [...files.values()]
  t.ok(all.length > 0, 'there are replies to judge')
  for (let start = 0; start < all.length; start += 500) {
    const { status, stderr } = spawnSync('xmllint', ['--noout', ...all.slice(start, start + 500)], {
      encoding: 'utf8',
    })
    t.equal(status, 0, `xmllint finds nothing: ${stderr.slice(0, 2000)}`)
  }
  t.comment(`xmllint: ${all.length} different replies are well-formed`)
}
