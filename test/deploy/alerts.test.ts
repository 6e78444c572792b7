import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectDefaultMetrics, Registry } from 'prom-client'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { labelValuesOf } from '../../src/telemetry/label-values.ts'
import {
  type MetricDefinition,
  type MetricName,
  metricDefinitions,
} from '../../src/telemetry/metric-definitions.ts'
import { promtool, promtoolMissing } from './promtool.ts'

const root = join(import.meta.dirname, '../..')
const inPrometheus = (name: string) => join(root, 'deploy/prometheus', name)
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const Rule = z.strictObject({
  alert: z.string().regex(/^Nac[A-Za-z]+$/),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
  annotations: z.strictObject({
    summary: z.string().min(20),
    description: z.string().min(20),
    runbook: z.string(),
  }),
})
const Rules = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(Rule) })),
})
const rules = Rules.parse(parse(read('deploy/prometheus/intune-nac.rules.yaml'))).groups.flatMap(
  (group) => group.rules,
)

const RuleTests = z.object({
  tests: z.array(
    z.object({
      promql_expr_test: z
        .array(z.object({ expr: z.string(), exp_samples: z.array(z.object({ labels: z.string() })) }))
        .default([]),
    }),
  ),
})
const testFiles = ['within-minutes.test.yaml', 'over-days.test.yaml']
const expectations = testFiles.flatMap((name) =>
  RuleTests.parse(parse(read(`deploy/prometheus/${name}`))).tests.flatMap((test) => test.promql_expr_test),
)

const Target = z.object({ expr: z.string() })
const Dashboard = z.object({
  uid: z.literal('intune-nac'),
  panels: z.array(
    z.object({
      id: z.int(),
      type: z.enum(['row', 'stat', 'timeseries']),
      title: z.string().min(1),
      gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
      targets: z.array(Target).default([]),
    }),
  ),
  annotations: z.object({ list: z.array(Target) }),
})
const dashboard = Dashboard.parse(JSON.parse(read('deploy/grafana/intune-nac.json')))
const shownExpressions = [
  ...dashboard.panels.flatMap(({ targets }) => targets),
  ...dashboard.annotations.list,
]
  // What Grafana puts in.
  .map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'))

const expressions = [...rules.map(({ expr }) => expr), ...shownExpressions]

const registry = new Registry()
collectDefaultMetrics({ register: registry })
const ofProcess = new Map(registry.getMetricsAsArray().map(({ name }) => [name, [] as readonly string[]]))

/** The labels of a name as it stands in an expression; undefined where the service exposes no such thing. */
function labelsOf(name: string): readonly string[] | undefined {
  if (name === 'up') return []
  const definition: MetricDefinition | undefined = metricDefinitions[baseName(name)]
  if (definition === undefined) return ofProcess.get(name)
  const isPart = /_(bucket|count|sum)$/.test(name)
  if (isPart !== (definition.type === 'histogram')) return undefined
  return name.endsWith('_bucket') ? [...definition.labels, 'le'] : definition.labels
}

function baseName(name: string): MetricName {
  const base = name.replace(/_(bucket|count|sum)$/, '')
  return (base in metricDefinitions ? base : name) as MetricName
}

const metricNames = /\b(?:(?:nac|process|nodejs)_\w+|up(?=\{))/g
const ofScrape = ['job', 'instance']

t.test('alerts and dashboard use what the service exposes, spelt as it is', async (t) => {
  t.ok(rules.length >= 25 && shownExpressions.length >= 60, 'the expressions were found')
  for (const expr of expressions) {
    const names = expr.match(metricNames) ?? []
    t.ok(names.length > 0, expr)
    for (const name of names) t.ok(labelsOf(name), `${name} exists`)
    const known = [...ofScrape, ...names.flatMap((name) => labelsOf(name) ?? [])]
    for (const [, list = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of list.split(', ')) t.ok(known.includes(label), `${label} in ${expr}`)
    }
    for (const [, name = '', matchers = ''] of expr.matchAll(/(\w+)\{([^}]*)\}/g)) {
      for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
        /(\w+)([=!]~|!?=)"([^"]*)"/g,
      )) {
        if (ofScrape.includes(label)) continue
        t.ok(labelsOf(name)?.includes(label), `${name} has ${label}`)
        for (const alternative of operator.endsWith('~') ? value.split('|') : [value]) {
          t.ok(labelValuesOf(baseName(name), label)?.includes(alternative), `${name} ${label} ${alternative}`)
        }
      }
    }
  }
})

t.test('every alert has its section of the runbook, and every section its alert', async (t) => {
  const sections = [...read('docs/alerts.md').matchAll(/^### (.+)$/gm)].map(([, title]) => title)
  t.same(sections.sort(), rules.map(({ alert }) => alert).sort())
  for (const { alert, annotations } of rules) {
    t.equal(annotations.runbook, `docs/alerts.md#${alert.toLowerCase()}`)
  }
})

t.test('for every alert there is a case in which it fires and one in which it does not', async (t) => {
  for (const { alert } of rules) {
    const cases = expectations.filter(({ expr }) => expr.includes(`alertname="${alert}"`))
    const firing = new Set(cases.flatMap(({ exp_samples }) => exp_samples.map(({ labels }) => labels)))
    t.ok(firing.has('{instance="bad"}'), `${alert} fires`)
    t.notOk(firing.has('{instance="good"}'), `${alert} leaves what is good alone`)
  }
})

t.test('no two panels of the dashboard are in the same place', async (t) => {
  const places = new Set<string>()
  for (const { title, gridPos } of dashboard.panels) {
    t.ok(gridPos.x + gridPos.w <= 24, `${title} is within the page`)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        if (places.has(`${x} ${y}`)) t.fail(`${title} covers another panel`)
        places.add(`${x} ${y}`)
      }
    }
  }
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length, 'ids')
})

t.test('promtool takes the rules', { skip: promtoolMissing }, async (t) => {
  const { status, output } = promtool(['check', 'rules', inPrometheus('intune-nac.rules.yaml')])
  t.equal(status, 0, output)
  t.match(output, `${rules.length} rules found`)
})

t.test(
  'promtool sees each alert fire when it should, and not when it should not',
  {
    skip: promtoolMissing,
  },
  async (t) => {
    const { status, output } = promtool(['test', 'rules', ...testFiles.map(inPrometheus)])
    t.equal(status, 0, output)
  },
)

t.test('promtool takes every expression of the dashboard', { skip: promtoolMissing }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nac-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const asRules = shownExpressions.map((expr, index) => ({ record: `panel:${index}`, expr }))
  const file = join(directory, 'dashboard.yaml')
  writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: asRules }] }))
  const { status, output } = promtool(['check', 'rules', file])
  t.equal(status, 0, output)
})
