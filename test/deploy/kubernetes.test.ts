import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { loadSettings } from '../../src/config/load-settings.ts'
import { variables } from '../../src/config/variables.ts'

const folder = join(import.meta.dirname, '../../deploy/kubernetes')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.yaml'),
)
const kustomizations = files.filter((file) => file.endsWith('kustomization.yaml'))

function documentsOf(file: string): unknown[] {
  return parseAllDocuments(readFileSync(join(folder, file), 'utf8'), { uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]?.message}`)
    return document.toJS() as unknown
  })
}

const Kustomization = z.strictObject({
  apiVersion: z.enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1']),
  kind: z.enum(['Kustomization', 'Component']),
  namespace: z.string().optional(),
  labels: z.array(z.unknown()).optional(),
  images: z.array(z.unknown()).optional(),
  configMapGenerator: z
    .array(z.strictObject({ name: z.literal('intune-nac'), literals: z.array(z.string()) }))
    .optional(),
  resources: z.array(z.string()).default([]),
  components: z.array(z.string()).default([]),
  patches: z.array(z.object({ path: z.string() })).default([]),
})

const appLabel = z.strictObject({ 'app.kubernetes.io/name': z.literal('intune-nac') })

/** A probe of the management listener. */
const Probe = (path: '/livez' | '/readyz') =>
  z.strictObject({
    httpGet: z.strictObject({ path: z.literal(path), port: z.literal('management') }),
    periodSeconds: z.int().positive(),
    timeoutSeconds: z.int().positive().optional(),
    failureThreshold: z.int().positive(),
  })

const Mount = z.object({ name: z.string(), mountPath: z.string().startsWith('/') })

const Environment = z.array(z.strictObject({ name: z.string(), value: z.string() }))

const Container = z.strictObject({
  name: z.literal('intune-nac'),
  image: z.string().regex(/:(?!latest$)[\w.-]+$/, 'must name a version'),
  imagePullPolicy: z.literal('IfNotPresent'),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int(), protocol: z.literal('TCP') })),
  env: Environment,
  resources: z.strictObject({
    requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
    limits: z.strictObject({ memory: z.string() }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    privileged: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  startupProbe: Probe('/livez'),
  livenessProbe: Probe('/livez'),
  readinessProbe: Probe('/readyz'),
  volumeMounts: z.array(
    z.strictObject({
      name: z.string(),
      mountPath: z.string().startsWith('/'),
      readOnly: z.literal(true),
    }),
  ),
})

const Volume = z.strictObject({
  name: z.string(),
  configMap: z.strictObject({ name: z.string(), defaultMode: z.int() }).optional(),
  secret: z.strictObject({ secretName: z.string(), defaultMode: z.int() }).optional(),
})

const Deployment = z.object({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata: z.object({ name: z.literal('intune-nac') }),
  spec: z.object({
    replicas: z.literal(2),
    strategy: z.object({
      rollingUpdate: z.strictObject({ maxSurge: z.int().positive(), maxUnavailable: z.literal(0) }),
    }),
    selector: z.strictObject({ matchLabels: appLabel }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: appLabel }),
      spec: z.strictObject({
        serviceAccountName: z.literal('intune-nac'),
        automountServiceAccountToken: z.literal(false),
        enableServiceLinks: z.literal(false),
        securityContext: z.strictObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.int().positive(),
          runAsGroup: z.int().positive(),
          fsGroup: z.int().positive(),
          fsGroupChangePolicy: z.literal('OnRootMismatch'),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        terminationGracePeriodSeconds: z.int(),
        topologySpreadConstraints: z
          .array(z.looseObject({ labelSelector: z.strictObject({ matchLabels: appLabel }) }))
          .min(1),
        containers: z.tuple([Container]),
        volumes: z.array(Volume),
      }),
    }),
  }),
})

const Service = z.object({
  kind: z.literal('Service'),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    selector: appLabel,
    ports: z.array(z.object({ port: z.int(), targetPort: z.string() })),
  }),
})

const NetworkPolicy = z.object({
  kind: z.literal('NetworkPolicy'),
  spec: z.strictObject({
    podSelector: z.strictObject({ matchLabels: appLabel }),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(
      z.strictObject({
        from: z.array(z.unknown()).min(1),
        ports: z.array(z.object({ port: z.int() })).min(1),
      }),
    ),
    egress: z
      .array(
        z.strictObject({
          to: z.array(z.unknown()).min(1),
          ports: z.array(z.object({ port: z.int() })).min(1),
        }),
      )
      .default([]),
  }),
})

const deployment = Deployment.parse(documentsOf('base/deployment.yaml')[0])
const pod = deployment.spec.template.spec
const [container] = pod.containers
const statePatch = z
  .array(z.looseObject({ op: z.string(), path: z.string(), value: z.unknown().optional() }))
  .parse(documentsOf('components/state/stateful-set.yaml')[0])

/** How long the service takes at most after the grace (docs/operations.md). */
const drainSeconds = 10

t.test('every file is part of a kustomization, and every kustomization is complete', async (t) => {
  const named = kustomizations.flatMap((file) => {
    const { resources, components, patches } = Kustomization.parse(documentsOf(file)[0])
    return [...resources, ...components, ...patches.map(({ path }) => path)].map((name) => {
      const path = normalize(join(dirname(file), name))
      return path.endsWith('.yaml') ? path : join(path, 'kustomization.yaml')
    })
  })
  t.same(
    named.filter((file) => !files.includes(file)),
    [],
    'every file that is named exists',
  )
  const entry = join('example', 'kustomization.yaml')
  t.same(
    files.filter((file) => file !== entry && !named.includes(file)),
    [],
    'every file that exists is named',
  )
})

t.test('the ports are those that the service listens on', async (t) => {
  const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]))
  t.same(ports, {
    https: Number(variables.SERVICE_PORT.default),
    management: Number(variables.MANAGEMENT_PORT.default),
  })
  const services = ['base/service.yaml', 'example/callers.yaml']
    .flatMap(documentsOf)
    .flatMap((document) => Service.safeParse(document).data ?? [])
  t.equal(services.length, 3)
  for (const service of services) {
    for (const { targetPort } of service.spec.ports)
      t.ok(targetPort in ports, `${targetPort} is a port of the pod`)
  }
})

t.test('every variable exists in the service, and every secret is given as a file', async (t) => {
  const known = Object.keys(variables).flatMap((name) => [name, `${name}_FILE`])
  const added = statePatch.flatMap(({ path, value }) =>
    path.endsWith('/env/-') ? Environment.parse([value]) : [],
  )
  const mounts = statePatch.flatMap(({ path, value }) =>
    path.endsWith('/volumeMounts/-') ? Mount.parse(value) : [],
  )
  mounts.push(...container.volumeMounts)
  for (const { name, value } of [...container.env, ...added]) {
    t.ok(known.includes(name), `${name} is a variable of the service`)
    if (!name.endsWith('_FILE')) continue
    t.ok(
      mounts.some(({ mountPath }) => dirname(value) === mountPath),
      `${value} is in a volume`,
    )
  }
  const given = container.env.map(({ name }) => name)
  for (const name of ['CLIENTS_FILE', 'SERVICE_TLS_CERTIFICATE_FILE', 'INTUNE_PRIVATE_KEY_FILE']) {
    t.ok(given.includes(name), `${name} is set`)
  }
  t.match(
    container.env.find(({ name }) => name === 'MANAGEMENT_HOST'),
    { value: '0.0.0.0' },
    'the kubelet reaches the probes, which loopback would refuse',
  )
})

t.test('every volume is mounted whole, and its files are closed to others', async (t) => {
  t.same(
    pod.volumes.map(({ name }) => name),
    container.volumeMounts.map(({ name }) => name),
  )
  for (const { name, configMap, secret } of pod.volumes) {
    t.equal((configMap ?? secret)?.defaultMode, 0o440, `${name} is readable by owner and group alone`)
  }
})

t.test('the pod is given longer to stop than the service takes', async (t) => {
  const grace = container.env.find(({ name }) => name === 'SHUTDOWN_GRACE_SECONDS')
  t.ok(Number(grace?.value) > 0, 'it goes on answering until its endpoint is gone')
  t.ok(
    pod.terminationGracePeriodSeconds >= Number(grace?.value) + drainSeconds + 5,
    'with five seconds to spare before SIGKILL',
  )
})

t.test('with state, every path that outlives a restart is a volume of the replica', async (t) => {
  const valueAt = (path: string) =>
    statePatch.flatMap((patch) => (patch.path.endsWith(path) ? [patch.value] : []))
  const Claims = z.tuple([z.array(z.looseObject({ metadata: z.strictObject({ name: z.string() }) }))])
  const [claims] = Claims.parse(valueAt('/volumeClaimTemplates'))
  const mounts = z.array(Mount).parse(valueAt('/volumeMounts/-'))
  t.same(
    mounts.map(({ name }) => name),
    claims.map(({ metadata }) => metadata.name),
  )
  const paths = Object.fromEntries(
    Environment.parse(valueAt('/env/-')).map(({ name, value }) => [name, value]),
  )
  const isMounted = (path: string | undefined) => mounts.some(({ mountPath }) => mountPath === path)
  t.ok(isMounted(paths.STATE_DIR), 'STATE_DIR')
  t.ok(isMounted(dirname(paths.DECISION_LOG_FILE ?? '')), 'DECISION_LOG_FILE')
})

t.test('a drained node takes one replica at a time', async (t) => {
  t.match(documentsOf('base/pod-disruption-budget.yaml')[0], {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    spec: { maxUnavailable: 1, selector: { matchLabels: pod && { 'app.kubernetes.io/name': 'intune-nac' } } },
  })
})

t.test('the network is closed but for callers, names and HTTPS', async (t) => {
  const policy = NetworkPolicy.parse(documentsOf('base/network-policy.yaml')[0])
  t.same(policy.spec.policyTypes, ['Ingress', 'Egress'], 'whatever is not listed is refused, both ways')
  const portsOf = (rules: readonly { ports: readonly { port: number }[] }[]) =>
    rules.flatMap(({ ports }) => ports.map(({ port }) => port))
  t.same(portsOf(policy.spec.ingress), [8080], 'in: the decision port and not the management port')
  t.same(portsOf(policy.spec.egress), [53, 53, 443], 'out: DNS and HTTPS')
  t.match(
    JSON.stringify(policy.spec.egress),
    '169.254.0.0/16',
    "the cloud's metadata service cannot be asked",
  )
  const monitoring = NetworkPolicy.parse(documentsOf('components/monitoring/network-policy.yaml')[0])
  t.same(portsOf(monitoring.spec.ingress), [9090], 'Prometheus reaches the management port alone')
})

t.test('Prometheus finds the management Service', async (t) => {
  const Monitor = z.object({
    kind: z.literal('ServiceMonitor'),
    spec: z.object({
      selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
      endpoints: z.tuple([z.object({ port: z.literal('management'), path: z.literal('/metrics') })]),
    }),
  })
  const { spec } = Monitor.parse(documentsOf('components/monitoring/service-monitor.yaml')[0])
  const services = documentsOf('base/service.yaml').map((document) => Service.parse(document))
  const labelsOf = (service: z.infer<typeof Service>) => ({
    'app.kubernetes.io/name': 'intune-nac',
    ...service.metadata.labels,
  })
  const found = services.filter((service) =>
    Object.entries(spec.selector.matchLabels).every(
      ([name, value]) => (labelsOf(service) as Record<string, string>)[name] === value,
    ),
  )
  t.same(
    found.map(({ metadata }) => metadata.name),
    ['intune-nac-management'],
  )
})

/** The kustomize inside kubectl; that of kubectl before 1.21 (2.0.3) knows no components. */
const built = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' })
const hasKustomize = /Kustomize Version: v[5-9]/.test(built.stdout ?? '')

t.test(
  'kubectl builds the example',
  { skip: hasKustomize ? false : 'no kubectl with kustomize 5' },
  async (t) => {
    for (const name of ['base', 'example']) {
      const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', join(folder, name)], {
        encoding: 'utf8',
      })
      t.equal(status, 0, `${name} builds: ${stderr}`)
      t.equal(stderr, '', `${name} uses nothing deprecated`)
      const kinds = parseAllDocuments(stdout).map((document) => document.get('kind'))
      if (name === 'base') continue
      t.ok(kinds.includes('StatefulSet'), 'a replica with state is a StatefulSet')
      t.notOk(kinds.includes('Deployment'))
      t.match(
        stdout,
        /name: intune-nac-[a-z0-9]{10}\n/,
        'a changed ConfigMap has another name, so the pods follow',
      )
      t.match(stdout, /mountPath: \/state/)
    }
  },
)

t.test(
  'the example does not start before both ids have a value: no id of the samples is in it',
  async (t) => {
    const { configMapGenerator = [] } = Kustomization.parse(documentsOf('example/kustomization.yaml')[0])
    const literals = configMapGenerator.flatMap(({ literals }) => literals)
    t.same(literals, ['INTUNE_TENANT_ID=', 'INTUNE_CLIENT_ID='])
    const [certificate, key] = ['INTUNE_CERTIFICATE_FILE', 'INTUNE_PRIVATE_KEY_FILE'].map((variable) =>
      container.env.find(({ name }) => name === variable),
    )
    const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value]))
    t.ok(certificate && key)
    // Each literal is a file of the ConfigMap, and empty.
    const loaded = loadSettings(environment, () => '')
    t.match(loaded, {
      ok: false,
      problems: [
        { variable: 'INTUNE_TENANT_ID_FILE', problem: /which is empty; write the value of INTUNE_TENANT_ID/ },
        { variable: 'INTUNE_CLIENT_ID_FILE', problem: /which is empty; write the value of INTUNE_CLIENT_ID/ },
      ],
    })
    const text = readFileSync(join(folder, 'example/kustomization.yaml'), 'utf8')
    for (const line of ['newName:', 'INTUNE_TENANT_ID=', 'INTUNE_CLIENT_ID=']) {
      t.match(text, new RegExp(`${line}.*# EDIT THIS`))
    }
  },
)
