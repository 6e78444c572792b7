import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { variables } from '../../src/config/variables.ts'

const root = join(import.meta.dirname, '../..')
const health = ['CMD', 'node', '/app/dist/main.js', 'health']
/** How long the service takes at most after the grace (docs/operations.md). */
const drainSeconds = 10

const Service = z.looseObject({
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ test: z.array(z.string()).optional() }).optional(),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  deploy: z.strictObject({
    resources: z.strictObject({ limits: z.strictObject({ memory: z.string(), pids: z.int() }) }),
  }),
})
const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })).default({}),
  volumes: z.record(z.string(), z.null()).default({}),
})

const read = (file: string) => Compose.parse(parse(readFileSync(join(root, file), 'utf8'), { merge: true }))

for (const file of ['docker-compose.yml', 'deploy/compose/docker-compose.yml']) {
  t.test(`${file} confines every container, and names only what exists`, async (t) => {
    const compose = read(file)
    const known = Object.keys(variables).flatMap((name) => [name, `${name}_FILE`])
    const used = new Set<string>()
    for (const [name, service] of Object.entries(compose.services)) {
      for (const variable of Object.keys(service.environment))
        t.ok(known.includes(variable), `${name}: ${variable}`)
      for (const secret of service.secrets) used.add(secret)
      for (const volume of service.volumes)
        t.ok((volume.split(':')[0] ?? '') in compose.volumes, `${name}: ${volume}`)
    }
    t.same([...used].sort(), Object.keys(compose.secrets).sort(), 'every secret is defined and used')
    const { service } = compose.services
    t.same(service?.healthcheck?.test, health)
    const grace = service?.environment.SHUTDOWN_GRACE_SECONDS ?? variables.SHUTDOWN_GRACE_SECONDS.default
    const stopSeconds = Number.parseInt(service?.stop_grace_period ?? '', 10)
    t.ok(stopSeconds >= Number(grace) + drainSeconds + 5, 'it is given longer to stop than it takes')
  })
}

t.test('for a tenant, every secret is a file of the same name, and what lasts is in a volume', async (t) => {
  const { secrets, services } = read('deploy/compose/docker-compose.yml')
  const { service } = services
  const environment = service?.environment ?? {}
  for (const [name, { file }] of Object.entries(secrets)) t.equal(basename(file), name)
  const secretFiles = Object.values(environment).filter((value) => value.startsWith('/run/secrets/'))
  t.same(secretFiles.map((path) => basename(path)).sort(), Object.keys(secrets).sort())
  const mounted = service?.volumes.map((volume) => volume.split(':')[1])
  t.ok(mounted?.includes(environment.STATE_DIR), 'STATE_DIR')
  t.ok(mounted?.includes(dirname(environment.DECISION_LOG_FILE ?? '')), 'DECISION_LOG_FILE')
})

t.test('the image asks itself with a command that it has', async (t) => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const [, check = '[]'] = /^HEALTHCHECK [\s\S]*?CMD (\[.*\])$/m.exec(dockerfile) ?? []
  t.same(['CMD', ...(JSON.parse(check) as string[])], health)
  for (const mountPoint of ['/state', '/log']) t.match(dockerfile, `--chown=1000:1000 /empty ${mountPoint}`)
  t.match(dockerfile, /^USER 1000:1000$/m)
})
