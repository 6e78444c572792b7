import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findSupplyChainProblems, parseAudit } from '../../scripts/supply-chain.ts'

const root = join(import.meta.dirname, '../..')
const manifestText = readFileSync(join(root, 'package.json'), 'utf8')
const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8')

interface Entry {
  [key: string]: unknown
  version?: string
  license?: string
}

/** The problems of our own lock file after one change to it. */
function afterChange(change: (packages: Record<string, Entry>) => void): string[] {
  const lock = JSON.parse(lockText) as { packages: Record<string, Entry> }
  change(lock.packages)
  return findSupplyChainProblems(manifestText, JSON.stringify(lock, null, 2))
}

t.test('our own package.json and lock file have no problem', async (t) => {
  t.same(findSupplyChainProblems(manifestText, lockText), [])
})

const changes: {
  case: string
  change: (packages: Record<string, Entry>) => void
  problem: RegExp
}[] = [
  {
    case: 'an address of a registry',
    change: (packages) => {
      packages['node_modules/zod'] = {
        ...packages['node_modules/zod'],
        resolved: 'https://registry.example/zod.tgz',
      }
    },
    problem: /address at packages > node_modules\/zod > resolved/,
  },
  {
    case: 'a dependency from a repository',
    change: (packages) => {
      packages['node_modules/pino'] = {
        ...packages['node_modules/pino'],
        dependencies: { 'sonic-boom': 'git+ssh://git@example/sonic-boom.git' },
      }
    },
    problem: /address at packages > node_modules\/pino > dependencies > sonic-boom/,
  },
  {
    case: "another platform's package that was lost",
    change: (packages) => {
      delete packages['node_modules/@biomejs/cli-win32-x64']
    },
    problem: /lost @biomejs\/cli-win32-x64, which @biomejs\/biome needs on another platform/,
  },
  {
    case: 'a package that runs an install script',
    change: (packages) => {
      packages['node_modules/undici'] = { ...packages['node_modules/undici'], hasInstallScript: true }
    },
    problem: /undici runs a script when it is installed/,
  },
  {
    case: 'the development runtime as a package of the service',
    change: (packages) => {
      packages['node_modules/node'] = { ...packages['node_modules/node'], dev: false }
    },
    problem: /^node runs a script when it is installed/,
  },
  {
    case: 'a licence that is not accepted',
    change: (packages) => {
      packages['node_modules/saxes'] = { ...packages['node_modules/saxes'], license: 'GPL-3.0-only' }
    },
    problem: /saxes has the licence GPL-3\.0-only/,
  },
  {
    case: 'a package without a licence',
    change: (packages) => {
      delete packages['node_modules/saxes']?.license
    },
    problem: /saxes has the licence \(none\)/,
  },
  {
    case: 'a package without a hash',
    change: (packages) => {
      delete packages['node_modules/fastify']?.integrity
    },
    problem: /no SHA-512 of fastify/,
  },
  {
    case: 'a version that package.json does not name',
    change: (packages) => {
      packages['node_modules/jose'] = { ...packages['node_modules/jose'], version: '6.0.0' }
    },
    problem: /does not hold jose/,
  },
]

for (const { case: title, change, problem } of changes) {
  t.test(`${title} is found`, async (t) => {
    const problems = afterChange(change)
    t.equal(problems.length, 1, 'exactly one problem is found')
    t.match(problems[0], problem)
  })
}

t.test('one accepted licence of several suffices', async (t) => {
  const problems = afterChange((packages) => {
    packages['node_modules/saxes'] = { ...packages['node_modules/saxes'], license: '(GPL-2.0-only OR MIT)' }
  })
  t.same(problems, [])
})

t.test('a licence of development packages is not looked at', async (t) => {
  const problems = afterChange((packages) => {
    packages['node_modules/tap'] = { ...packages['node_modules/tap'], license: 'UNLICENSED' }
  })
  t.same(problems, [])
})

t.test('a range and an allowed install script in package.json are found', async (t) => {
  const manifest = JSON.parse(manifestText) as Record<string, Record<string, unknown>>
  manifest.dependencies = { ...manifest.dependencies, pino: '^10.4.0' }
  manifest.allowScripts = { node: true, esbuild: true }
  const problems = findSupplyChainProblems(JSON.stringify(manifest), lockText)
  t.match(problems, [
    /pino \^10\.4\.0: give one exact version/,
    /does not hold pino/,
    /install script of esbuild/,
  ])
})

t.test('an audit that was not answered is not an audit without findings', async (t) => {
  const report = (total: number) => JSON.stringify({ metadata: { vulnerabilities: { total } } })
  t.same(parseAudit(report(0)), { asked: true, advisories: 0 })
  t.same(parseAudit(report(3)), { asked: true, advisories: 3 })
  t.same(parseAudit('{"message":"405 Method Not Allowed","statusCode":405}'), { asked: false })
  t.same(parseAudit(''), { asked: false })
})
