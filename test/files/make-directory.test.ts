import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeDirectory } from '../../src/files/make-directory.ts'

t.test('a directory is made with those above it, for its owner alone', async (t) => {
  const root = t.testdir({})
  makeDirectory(join(root, 'a', 'b', 'c'))
  t.equal(statSync(join(root, 'a', 'b', 'c')).mode & 0o777, 0o700)
  t.equal(statSync(join(root, 'a')).mode & 0o777, 0o700)
  chmodSync(join(root, 'a'), 0o755)
  makeDirectory(join(root, 'a', 'b', 'c'))
  t.equal(statSync(join(root, 'a')).mode & 0o777, 0o755, 'one that is there is left as it is')
  symlinkSync(join(root, 'a'), join(root, 'link'))
  makeDirectory(join(root, 'link', 'd'))
  t.ok(statSync(join(root, 'a', 'd')).isDirectory(), 'links are followed')
  makeDirectory('/')
})

t.test('one that cannot be made is an error at once, however the file system says so', async (t) => {
  const root = t.testdir({})
  writeFileSync(join(root, 'file'), '')
  symlinkSync(join(root, 'nowhere'), join(root, 'dangling'))
  symlinkSync(join(root, 'loop'), join(root, 'loop'))
  for (const [path, code] of [
    ['/proc/nostate', 'ENOENT'],
    ['/proc/no/state/at/all', 'ENOENT'],
    [join(root, 'dangling'), 'ENOENT'],
    [join(root, 'dangling', 'below'), 'ENOENT'],
    [join(root, 'file'), 'ENOTDIR'],
    [join(root, 'file', 'below'), 'ENOTDIR'],
    [join(root, 'loop', 'below'), 'ELOOP'],
    [join(root, 'x'.repeat(300)), 'ENAMETOOLONG'],
    [`/${'a/'.repeat(3000)}`, 'ENAMETOOLONG'],
  ] as const) {
    t.throws(() => makeDirectory(path), { code }, path.slice(0, 60))
  }
  mkdirSync(join(root, 'there'))
  t.doesNotThrow(() => makeDirectory(join(root, 'there')))
})
