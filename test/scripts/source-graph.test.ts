import { join } from 'node:path'
import t from 'tap'
import { reachableFrom } from '../../scripts/source-graph.ts'

t.test('what loading a file loads is read from its imports', async (t) => {
  const directory = t.testdir({
    'program.ts': [
      "import { a } from './a.ts'",
      "import type { Shape } from './types.ts'",
      "export { b } from './folder/b.ts'",
      "const later = await import('./later.ts')",
      "import packaged from 'packaged'",
      '',
    ].join('\n'),
    'a.ts': "import {\n  c,\n  d,\n} from './folder/c.ts'\n",
    'later.ts': "import './program.ts'\n",
    'types.ts': '',
    'alone.ts': '',
    folder: { 'b.ts': '', 'c.ts': "import '../gone.ts'\n" },
  })
  const reached = reachableFrom([join(directory, 'program.ts')])
  t.same(
    [...reached].map((file) => file.slice(directory.length + 1)).sort(),
    ['a.ts', 'folder/b.ts', 'folder/c.ts', 'later.ts', 'program.ts'],
    'types alone, packages, files that are not there and files that nothing imports are not in it',
  )
})
