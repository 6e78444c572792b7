import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { laptop } from '../app/simulated-service.ts'
import { runToEnd } from '../e2e/run-process.ts'
import { iseService, user } from './ise-service.ts'

t.setTimeout(240_000)

t.test('check --as-ise asks a running service the way ISE does', async (t) => {
  const service = await iseService(t)
  const tablet = { deviceId: 'b0b00000-0000-4000-8000-000000000002', macs: ['3408BC507C78'] }
  service.simulator.tenant.putDevice({ ...tablet, complianceState: 'noncompliant' })
  const options = [
    '--user',
    user.username,
    '--password-file',
    service.passwordFile,
    '--ca-file',
    service.caFile,
  ]
  const ask = (...args: string[]) => runToEnd(['check', '--as-ise', service.url, ...options, ...args])

  const fresh = await ask('--poll', 'guid')
  t.match(fresh, {
    exitCode: 0,
    output: /Poll: 0 not compliant\nThe list holds the devices that the service knows/,
  })
  let first = await ask('3408BC507C78', '--poll', 'guid')
  // The list is made anew once a second.
  for (let again = 0; again < 5 && /Poll: 0/.test(first.output); again += 1) {
    first = await ask('3408BC507C78', '--poll', 'guid')
  }
  t.match(
    first,
    { exitCode: 1, output: /NonCompliant[\s\S]*Poll: 1 not compliant\n$/ },
    'the device, then the list',
  )

  const known = await ask(laptop.deviceId, '00:50:56:a4:89:5a', '--poll', 'macaddress')
  t.equal(known.exitCode, 0, known.output)
  t.match(known.output, /Connection to server is successful with current settings\./)
  t.match(known.output, /DeviceCompliantStatus +Compliant/)
  t.match(known.output, /Poll: \d+ not compliant/)
  t.notMatch(known.output, new RegExp(user.password))

  const sick = await ask('3408BC507C78', '--json')
  t.equal(sick.exitCode, 1, sick.output)
  t.match(JSON.parse(sick.output), { registered: true, compliant: false, guid: tablet.deviceId })
  const unknown = await ask('00:50:56:00:00:01', '--api-version', '2')
  t.match(unknown, { exitCode: 1, output: /DeviceRegisterStatus +UnRegistered/ })
  t.match(await ask(), { exitCode: 0, output: /API version 3/ }, 'without a device, the connection alone')

  const wrong = join(t.testdir({}), 'wrong')
  writeFileSync(wrong, 'wrong')
  t.match(await ask('--password-file', wrong), { exitCode: 1, output: /mdm_credentials_refused/ })
  t.match((await ask('--password-file', wrong)).output, /It says unauthenticated: /)
  const elsewhere = [
    'check',
    `--as-ise=${service.url}`,
    '--user=elsewhere',
    `--password-file=${service.passwordFile}`,
    `--ca-file=${service.caFile}`,
  ]
  const refused = await runToEnd(elsewhere)
  t.equal(refused.exitCode, 1)
  t.match(refused.output, /does not let this caller in \(HTTP 403\)\. It says client_forbidden: .*address/)
  t.match(refused.output, /mdm_access_refused/)
  t.notMatch(refused.output, /refused the user name/, 'they are right')
  const untrusted = [
    'check',
    `--as-ise=${service.url}`,
    '--user',
    'a',
    '--password-file',
    service.passwordFile,
  ]
  t.match(await runToEnd(untrusted), { exitCode: 1, output: /Trusted Certificates/ }, 'with the remedy')
  for (const [args, expected] of [
    [['--as-ise', 'http://nac.example'], /needs the address/],
    [['--as-ise', 'nonsense'], /needs the address/],
    [['--as-ise', 'https://nac.example'], /--user and --password-file/],
    [['--as-ise', 'https://nac.example', ...options, '--api-version', '4'], /1, 2 or 3/],
    [['--as-ise', 'https://nac.example', ...options, '--poll', 'x'], /--poll guid/],
    [['--as-ise', 'https://nac.example', ...options, 'zz'], /mac/],
    [['--as-ise', 'https://nac.example', '--user', 'a', '--password-file', '/missing'], /cannot read/],
  ] as const) {
    t.match(await runToEnd(['check', ...args]), { exitCode: 2, output: expected }, args.join(' '))
  }
})
