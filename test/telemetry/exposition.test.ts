import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { DriftDialect, DriftKind } from '../../src/intune/drift.ts'
import { hashSecret } from '../../src/server/secret-hash.ts'
import { labelValuesOf, oneValue } from '../../src/telemetry/label-values.ts'
import { type MetricName, metricDefinitions } from '../../src/telemetry/metric-definitions.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { promtool, promtoolMissing } from '../deploy/promtool.ts'

const clientName = 'switches-of-building-9'
const token = 'a-token-that-is-long-enough-to-be-one'
const san = `URI:ID:Microsoft Endpoint Manager:GUID:${laptop.deviceId}`

/** What the service exposes after everything that callers can do to it, and some of what Microsoft can. */
async function exposition(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'nac-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'clients.yaml')
  const hash = await hashSecret(token)
  writeFileSync(
    file,
    `clients: [{ name: ${clientName}, frontends: [json, radius, ise], bearer: { tokenHash: '${hash}' } }]`,
  )
  const { app, simulator, built } = await simulatedService(t, { environment: { CLIENTS_FILE: file } })
  if (!app) throw new Error(JSON.stringify(built))
  const { server } = app
  const authorization = `Bearer ${token}`
  const get = (url: string) => server.inject({ url, headers: { authorization } })
  for (const url of [
    `/v1/decision?mac=${laptop.mac}`,
    `/v1/decision?mac=${laptop.mac}`,
    `/v1/decision?deviceId=${laptop.deviceId}`,
    '/v1/decision?mac=nonsense',
    '/v1/decision?certificateSan=URI:nothing',
    '/v1/decisions/anything-at-all',
    '/v1/some/path/of-the-caller',
    '/of-the-caller',
    '/%ZZ',
    `/ciscoise/mdmapi/v3/devices/?paging=0&querycriteria=macaddress&value=${laptop.mac}&filter=all`,
    '/ciscoise/of-the-caller',
    '/v1/radius/of-the-caller',
  ]) {
    await get(url)
  }
  await server.inject({ method: 'PUT', url: '/v1/decision', headers: { authorization } })
  await server.inject({ url: '/v1/decision', headers: { authorization: 'Bearer wrong' } })
  const post = { method: 'POST', headers: { authorization } } as const
  const payload = {
    'TLS-Client-Cert-X509v3-Subject-Alternative-Name': san,
    'TLS-Client-Cert-Expiration': '261212233719Z',
  }
  await server.inject({ ...post, url: '/v1/radius/post-auth', payload })
  await server.inject({ ...post, url: '/v1/radius/accounting', payload })
  await server.inject({ ...post, url: '/v1/radius/authorize', payload: 'neither' })
  simulator.tenant.setFault({ hop: 'query', kind: 'status', status: 418 })
  await get('/v1/decision?mac=00:50:56:A4:89:5B')
  return (await app.management.inject('/metrics')).body
}

const text = await exposition()
const lines = text.split('\n').filter((line) => line !== '')
const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
  name,
  type,
}))
const own = families.filter(({ name }) => name.startsWith('nac_'))

/** Every sample of the service's own metrics, with the metric that it belongs to. */
const samples = lines
  .filter((line) => line.startsWith('nac_'))
  .map((line) => {
    const [, sample = '', shown = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    const metric = own.find(({ name }) => name === sample.replace(/_(bucket|sum|count)$/, ''))?.name
    return {
      line,
      metric: (metric ?? sample) as MetricName,
      labels: [...shown.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', value = '']) => ({
        label,
        value,
      })),
    }
  })

t.test('every metric says what it means', async (t) => {
  t.ok(families.length > 60, 'the metrics were found')
  for (const { name } of families) t.match(text, new RegExp(`^# HELP ${name} \\S+`, 'm'), name)
  for (const { line } of samples) t.ok(/^nac_\w+/.test(line))
})

t.test("names follow Prometheus's conventions: base units, and _total for what only rises", async (t) => {
  t.ok(own.length > 40)
  for (const { name, type } of own) {
    t.match(name, /^nac(_[a-z0-9]+)+$/, name)
    t.notMatch(name, /_(ms|millis\w*|minutes|kb|mb|kilobytes|percent|count|sum|bucket)(_|$)/, name)
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
    if (/duration|lag|expiry|timestamp/.test(name)) t.match(name, /_seconds$/, name)
  }
})

t.test('every label value is from a closed list', async (t) => {
  t.ok(samples.length > 200)
  for (const { line, metric, labels } of samples) {
    const { type, labels: defined } = metricDefinitions[metric]
    for (const { label, value } of labels) {
      if (label === 'le' && type === 'histogram') continue
      const values = labelValuesOf(metric, label)
      const isBounded = values === oneValue || values?.includes(value) === true
      if (!defined.includes(label) || !isBounded) t.fail(line)
    }
  }
  for (const [name, { labels }] of Object.entries(metricDefinitions)) {
    for (const label of labels) t.ok(labelValuesOf(name as MetricName, label), `${name} ${label}`)
  }
})

t.test('no client, device or path of a caller is in it', async (t) => {
  t.match(text, /^nac_decisions_total\{frontend="radius"/m, 'the traffic was counted')
  t.match(text, /^nac_refused_requests_total\{frontend="json",code="unauthenticated"\} 1$/m)
  t.match(text, /^nac_device_certificates_seen_total\{remaining="\w+"\} 1$/m)
  t.match(text, /^nac_device_certificate_soonest_expiry_timestamp_seconds 1797118639$/m)
  t.match(text, /^nac_access_token_expiry_timestamp_seconds\{resource="intune"\} 1\d{9}/m)
  t.match(text, /^nac_build_info\{version="\d+\.\d+\.\d+",node="v\d+/m)
  t.match(text, /^process_resident_memory_bytes \d+$/m)
  for (const secret of [clientName, laptop.mac, laptop.deviceId, 'of-the-caller', 'anything-at-all', token]) {
    t.notOk(text.toLowerCase().includes(secret.toLowerCase()), secret)
  }
})

t.test('what Microsoft can change about its replies is listed', async (t) => {
  const dialects: Record<DriftDialect, true> = {
    'compliance-retrieval': true,
    nac: true,
    'nac-ise-v2': true,
    graph: true,
    discovery: true,
  }
  const kinds: Record<DriftKind, true> = {
    field: true,
    value: true,
    casing: true,
    date: true,
    shape: true,
    service: true,
  }
  t.same(labelValuesOf('nac_wire_drift_total', 'dialect'), Object.keys(dialects))
  t.same(labelValuesOf('nac_wire_drift_total', 'kind'), Object.keys(kinds))
})

t.test(
  'promtool objects to one name only, in which the hours are no unit',
  { skip: promtoolMissing },
  async (t) => {
    const ours = lines.filter((line) => /^(# (HELP|TYPE) )?nac_/.test(line)).join('\n')
    const { output } = promtool(['check', 'metrics'], `${ours}\n`)
    t.equal(output, 'nac_devices_seen_last_24_hours use base unit "seconds" instead of "hours"\n')
  },
)
