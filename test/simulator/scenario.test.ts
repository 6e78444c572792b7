import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Agent, request } from 'undici'
import { parseScenario, type ScenarioInput, startSimulator } from '../../src/simulator/simulator.ts'
import { runToEnd, startCommand } from '../e2e/run-process.ts'
import { clientId, startRig } from './rig.ts'

const deviceId = 'ee9d3792-6859-4b71-93aa-56aba42581c5'

const examples = [
  ...readFileSync(join(import.meta.dirname, '../../docs/simulator.md'), 'utf8').matchAll(
    /^```(?:yaml|json)\n(.*?)^```$/gms,
  ),
].map((match) => match[1] ?? '')

t.test('the examples of the documentation load', async (t) => {
  t.equal(examples.length, 3, 'there are three')
  for (const [number, text] of examples.entries()) {
    const parsed = parseScenario(text)
    if (!parsed.ok) return t.fail(JSON.stringify(parsed.problems))
    const simulator = await startSimulator({ scenario: parsed.scenario })
    t.teardown(() => simulator.close())
    const { tenant } = simulator
    const [office, morning, government] = [0, 1, 2].map((one) => one === number)
    if (office) {
      t.strictSame(
        tenant.listDevices().map(({ complianceState }) => complianceState),
        ['compliant', 'noncompliant', 'inGracePeriod', 'unknown'],
      )
      t.equal(tenant.listDevices()[1]?.serialNumber, '0026E4240001')
    }
    if (morning)
      t.match(tenant.listFaults(), [{ kind: 'aadsts' }, { kind: 'nested_error' }, {}, { kind: 'html' }])
    if (government) {
      t.match(tenant.variants(), { cloud: 'usgov' })
      t.match(tenant.listApps(), [{ certificatesPem: [], roles: { intune: [] } }])
    }
  }
})

t.test('a scenario is added to what is there', async (t) => {
  const rig = await startRig(t)
  const { tenant } = rig.simulator
  tenant.setVariants({ notFound: 'empty_list' })
  tenant.putDevice({ deviceId, complianceState: 'compliant' })
  const scenario: ScenarioInput = {
    apps: [{ clientId: clientId.toUpperCase(), roles: { intune: ['other'] } }],
    devices: [{ deviceId: '3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69', complianceState: 'unknown' }],
    variants: { unknownOnWire: 'nil' },
    faults: [{ hop: 'query', kind: 'empty', times: 1 }],
  }
  const loaded = await rig.control('POST', '/scenario', scenario)
  t.strictSame(loaded.json(), { apps: 1, devices: 1, variants: ['unknownOnWire'], faultIds: ['fault-1'] })
  t.match(tenant.variants(), { notFound: 'empty_list', unknownOnWire: 'nil' }, 'other variants stay')
  t.equal(tenant.listDevices().length, 2)
  t.match(tenant.listApps(), [{ certificatesPem: [rig.app.certificatePem], roles: { intune: ['other'] } }])
  t.equal((await rig.requestToken()).status, 200, 'the app keeps its certificate')

  const yaml = await rig.call('/control/scenario', {
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: 'variants:\n  notFound: http_404\n',
  })
  t.match(yaml.json(), { devices: 0, variants: ['notFound'] })
  t.match(tenant.variants(), { notFound: 'http_404', unknownOnWire: 'nil' })
  t.match(parseScenario(''), { ok: true }, 'nothing is a scenario, too')
})

t.test('everything that is wrong with a scenario is named, and nothing of it is taken', async (t) => {
  const rig = await startRig(t)
  const text = `
apps:
  - clientId: abc
devices:
  - deviceId: ${deviceId}
    complianceState: compliant
    macs: [0026E4240001, "zz"]
    colour: red
  - deviceId: 3eeb9e62-91a5-4c40-8d5f-1d2f3c4b5a69
    complianceState: fine
  - deviceId: 11111111-2222-4333-8444-555555555555
    complianceState: compliant
  - deviceId: 11111111-2222-4333-8444-555555555555
    complianceState: compliant
variants:
  notFound: gone
  shape: round
  size: 1
faults:
  - hop: query
    kind: explode
people: []
`
  const fields = [
    'apps.0.clientId',
    'devices.0.colour',
    'devices.0.macs.0',
    'devices.0.macs.1',
    'devices.1.complianceState',
    'faults.0.kind',
    'people',
    'variants.notFound',
    'variants.shape',
    'variants.size',
  ]
  const parsed = parseScenario(text)
  if (parsed.ok) return t.fail('it is wrong')
  t.strictSame(parsed.problems.map(({ field }) => field).sort(), fields)
  t.match(
    parsed.problems.find(({ field }) => field === 'devices.0.macs.0'),
    { message: 'must be text; in YAML, put it in quotes' },
  )
  const body = { method: 'POST', headers: { 'content-type': 'text/yaml' }, body: text } as const
  const refused = await rig.call('/control/scenario', body)
  t.equal(refused.status, 400)
  t.strictSame(
    (refused.json().problems as { field: string }[]).map(({ field }) => field).sort(),
    fields,
    'the same over HTTP',
  )
  t.match((await rig.control('POST', '/scenario', { devices: 1 })).json(), {
    problems: [{ field: 'devices' }],
  })
  const twice = {
    devices: [
      { deviceId, complianceState: 'compliant' },
      { deviceId, complianceState: 'error' },
    ],
  }
  t.match((await rig.control('POST', '/scenario', twice)).json(), {
    problems: [{ field: 'devices.1.deviceId', message: 'is there twice' }],
  })
  t.strictSame(rig.simulator.tenant.listDevices(), [])
  await t.rejects(startSimulator({ scenario: { variants: { bulkPageSize: 0 } } }), { name: 'ZodError' })

  t.match(parseScenario('devices: [\n  a: b'), { ok: false, problems: [{ field: /^line \d+$/ }] })
  t.match(parseScenario('devices: *nobody'), { ok: false, problems: [{ field: 'body' }] })
  t.match(parseScenario('- a list'), { ok: false, problems: [{ field: 'body' }] })
})

t.test('the command takes a scenario in place of the samples', async (t) => {
  const directory = t.testdir({
    'good.yaml': `devices:\n  - { deviceId: ${deviceId}, complianceState: compliant }\n`,
    'bad.yaml': 'variants: { notFound: gone }\nfaults: [{ hop: query }]\n',
  })
  const good = startCommand(['simulator', '--port', '0', '--scenario', join(directory, 'good.yaml')])
  t.teardown(() => good.child.kill('SIGKILL'))
  const [, origin = ''] = await good.waitFor(/cloud is at (https:\S+) /)
  const [, caFile = ''] = await good.waitFor(/INTUNE_CA_FILE=(\S+)/)
  await good.waitFor(/npm start/)
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile, 'utf8') } })
  t.teardown(() => dispatcher.destroy())
  const { body } = await request(`${origin}/control/devices`, { dispatcher })
  t.match(await body.json(), [{ deviceId }])
  good.child.kill('SIGTERM')
  t.equal(await good.exited, 0)

  const bad = await runToEnd(['simulator', '--port', '0', '--scenario', join(directory, 'bad.yaml')])
  t.equal(bad.exitCode, 78)
  t.match(bad.output, /variants\.notFound: .*\n.*faults\.0\.kind: /, 'every problem is printed')
  const none = await runToEnd(['simulator', '--scenario', join(directory, 'none.yaml')])
  t.equal(none.exitCode, 2)
  t.match(none.output, 'none.yaml, which does not exist')
})
