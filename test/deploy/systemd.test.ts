import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'
import { variables } from '../../src/config/variables.ts'
import { defaultMaxConnections } from '../../src/server/server.ts'
import { edited, environmentOf, valuesOf as valuesOfUnit } from './unit-environment.ts'

const folder = join(import.meta.dirname, '../../deploy/systemd')
const unit = readFileSync(join(folder, 'intune-nac.service'), 'utf8')
const example = readFileSync(join(folder, 'intune-nac.env.example'), 'utf8')

const valuesOf = (name: string) => valuesOfUnit(unit, name)

const variableNames = Object.keys(variables).flatMap((name) => [name, `${name}_FILE`])

t.test('every variable of the unit and of the example exists', async (t) => {
  const inExample = [...example.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1] ?? '')
  const inUnit = valuesOf('Environment').map((text) => text.slice(0, text.indexOf('=')))
  t.ok(inExample.length > 0)
  for (const name of [...inExample, ...inUnit].filter((name) => name !== 'NODE_ENV')) {
    t.ok(variableNames.includes(name), `${name} is a variable of the service`)
  }
})

t.test('every credential is used, and every file is a credential', async (t) => {
  const credentials = valuesOf('LoadCredential').map((text) => text.slice(0, text.indexOf(':')))
  const used = valuesOf('Environment').flatMap((text) => /^[A-Z_]+_FILE=%d\/(.*)$/.exec(text)?.[1] ?? [])
  t.same(used.toSorted(), credentials.toSorted())
  t.ok(credentials.includes('app.key'), 'the private key is one')
})

t.test('a wrong configuration is not tried again, and a stop waits for the answers under way', async (t) => {
  t.same(valuesOf('RestartPreventExitStatus'), ['78'])
  const graceSeconds = Number(/^SHUTDOWN_GRACE_SECONDS=(\d+)$/m.exec(example)?.[1])
  t.ok(Number(valuesOf('TimeoutStopSec')[0]) >= graceSeconds + 10 + 5, 'with five seconds to spare')
})

t.test('descriptors are left when the listener is full', async (t) => {
  const spare = Number(valuesOf('LimitNOFILE')[0]) - defaultMaxConnections
  t.ok(spare >= 2048, `${spare} for Microsoft, files and the management listener`)
})

t.test('what outlives a restart lies in the directories that systemd makes for the unit', async (t) => {
  const given = valuesOf('Environment')
  for (const [directory, variable] of [
    ['StateDirectory', 'STATE_DIR=%S/intune-nac'],
    ['LogsDirectory', 'DECISION_LOG_FILE=%L/intune-nac/decisions.log'],
  ] as const) {
    t.same(valuesOf(directory), ['intune-nac'])
    t.same(valuesOf(`${directory}Mode`), ['0700'])
    t.ok(given.includes(variable), variable)
  }
})

t.test(
  'the environment that systemd makes of the unit is a configuration, whatever a drop-in adds',
  async (t) => {
    const dropIns = [
      '',
      'LogNamespace=nac',
      'RuntimeDirectory=intune-nac\nCacheDirectory=intune-nac\nConfigurationDirectory=intune-nac',
      'StateDirectory=intune-nac intune-nac/more',
      'Type=notify\nWatchdogSec=30',
      'User=intune-nac',
    ]
    for (const dropIn of dropIns) {
      const environment = environmentOf(`${unit}\n${dropIn}\n`, edited(example))
      t.match(environment, {
        STATE_DIRECTORY: /^\/var\/lib\/intune-nac/,
        LOGS_DIRECTORY: '/var/log/intune-nac',
      })
      // And to a command of ExecStopPost=.
      const afterwards = { SERVICE_RESULT: 'exit-code', EXIT_CODE: 'exited', EXIT_STATUS: '78' }
      for (const variables of [environment, { ...environment, ...afterwards }]) {
        const loaded = loadSettings(variables, () => undefined)
        t.same(loaded.ok ? loaded.notices : loaded.problems, [], dropIn === '' ? 'as shipped' : dropIn)
      }
    }
  },
)

t.test('the example does not start before both ids have a value, and says where they are', async (t) => {
  const loaded = loadSettings(environmentOf(unit, example), () => undefined)
  t.match(loaded, {
    ok: false,
    problems: [{ variable: 'INTUNE_CLIENT_ID' }, { variable: 'INTUNE_TENANT_ID' }],
  })
  t.match(example, /EDIT THIS.*\n#.*Tenant ID\.\nINTUNE_TENANT_ID=\n.*client\) ID\.\nINTUNE_CLIENT_ID=\n/)
})

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

t.test('systemd accepts the unit', { skip: hasSystemd ? false : 'no systemd-analyze' }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unit-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'intune-nac.service')
  // It looks whether the program is there, which is elsewhere on this machine.
  writeFileSync(file, unit.replace('/usr/bin/node', process.execPath))
  const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
  // It also reads the units that ours names; what it says about those of this machine is not for us to mend.
  const about = verified.stderr.split('\n').filter((line) => line.includes('intune-nac'))
  t.same(about, [], 'without a warning')
  const scored = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
    encoding: 'utf8',
  })
  const exposure = /exposure level for intune-nac\.service: ([\d.]+)/.exec(scored.stdout)?.[1]
  t.ok(exposure !== undefined && Number(exposure) <= 1.5, `its exposure is ${exposure} of 10`)
})
