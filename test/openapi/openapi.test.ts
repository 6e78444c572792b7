import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { openApiDocument } from '../../scripts/generate-openapi.ts'
import { frontends } from '../../src/frontends/frontends.ts'
import { createAnswerTogether } from '../../src/server/answer-together.ts'
import { createAuthenticator } from '../../src/server/authentication.ts'
import { registerHealthRoutes } from '../../src/server/health.ts'
import { openApi, schemaErrors } from './validate-reply.ts'

t.test('openapi.yaml is what the schemas generate', async (t) => {
  const committed = readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')
  t.equal(committed, openApiDocument(), 'run: npm run generate')
})

t.test('every route is documented, and every documented route is there', async (t) => {
  const app = Fastify()
  const registered: string[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    // Routes that only refuse other methods are described in one sentence of the document.
    if (config?.allow !== undefined) return
    for (const name of [method].flat())
      if (name !== 'HEAD') registered.push(`${name} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  })
  registerHealthRoutes(app, { readiness: () => ({ ready: true, checks: {} }), verbose: false })
  for (const { plugin, prefix } of frontends) {
    app.register(plugin, {
      prefix,
      decide: async () => {
        throw new Error('not asked')
      },
      answerTogether: createAnswerTogether(),
      authenticate: createAuthenticator({ clients: undefined }),
      logger: pino({ level: 'silent' }),
      mdmServer: {
        redirectUrl: 'https://portal.example/',
        pathPrefix: '',
        productVersion: '1.2.3',
        noncompliantDevices: {
          list: async () => [],
          judge: () => {
            throw new Error('not asked')
          },
        },
      },
    })
  }
  await app.ready()
  t.teardown(() => app.close())
  const documented = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(registered.sort(), documented.sort())
})

t.test('every example in the document fits its schema', async (t) => {
  let examples = 0
  const visit = (keys: readonly string[], value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, child] of Object.entries(value)) {
      if (key === 'examples' && Array.isArray(child)) {
        for (const example of child) {
          examples += 1
          t.same(schemaErrors(keys, example), [], `${keys.join('/')}: ${JSON.stringify(example)}`)
        }
      } else {
        visit([...keys, key], child)
      }
    }
  }
  visit([], openApi)
  t.ok(examples > 15, `${examples} examples were found`)
})
