import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')

for (const page of ['docs/security.md', 'docs/deployment.md', 'SECURITY.md']) {
  t.test(`${page} names only files and scripts that exist`, async (t) => {
    const text = readFileSync(join(root, page), 'utf8')
    const files = [...text.matchAll(/`((?:[a-z]+\/)+[a-z.-]+\.(?:ts|yaml))`/g)].map((match) => match[1] ?? '')
    for (const file of files) {
      const places = [join(root, file), join(root, 'src', file), join(root, 'deploy/kubernetes', file)]
      t.ok(places.some(existsSync), file)
    }
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    for (const match of text.matchAll(/npm run ([a-z-]+)/g)) t.ok((match[1] ?? '') in scripts, match[0])
  })
}
