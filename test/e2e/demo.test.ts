import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runToEnd, startCommand } from './run-process.ts'

const anyPorts = ['--port', '0', '--management-port', '0', '--simulator-port', '0']

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const run = promisify(execFile)

t.test('demo --once plays every row of the decision table and exits 0', async (t) => {
  const { exitCode, output } = await runToEnd(['demo', '--once'])
  t.equal(exitCode, 0, output)
  for (const row of [
    /Alice's laptop, by MAC +compliant +allow +compliant/,
    /Alice's laptop, by certificate +compliant +allow +compliant/,
    /Bob's laptop +noncompliant +remediate +noncompliant +fix_compliance/,
    /Carol's new phone +unknown +remediate +not_evaluated +wait_for_evaluation/,
    /a stranger +\(not enrolled\) +remediate +not_enrolled +enroll/,
    /private MAC +\(not asked\) +remediate +randomized_mac +use_device_mac/,
    /two identifiers, two devices +\(not asked\) +deny +identifier_conflict/,
    /Bob's laptop, repaired +compliant +allow +compliant/,
    /"token":2,"discovery":1/,
  ]) {
    t.match(output, row)
  }
  t.notMatch(output, String.fromCharCode(27), 'piped output holds no colour codes')
})

t.test('the lines of the README give what the README says', async (t) => {
  const demo = startCommand(['demo', ...anyPorts])
  t.teardown(() => demo.child.kill('SIGTERM'))
  const [, service = ''] = await demo.waitFor(/service is at (http:\S+?),/)
  const [, simulator = ''] = await demo.waitFor(/Intune at (https:\S+?)\. /)
  const [, management = ''] = await demo.waitFor(/management listener at (http:\S+?),/)
  const block = readme.split('```sh')[2]?.split('```')[0] ?? ''
  const lines = block.split('\n').filter((line) => /^(?:sleep \d+; )?(?:curl|npx) /.test(line))
  t.equal(lines.length, 8, 'the README has its eight lines')
  for (const [index, line] of lines.entries()) {
    const comment = block.slice(0, block.indexOf(line)).trimEnd().split('\n').at(-1) ?? ''
    const promised = [...comment.matchAll(/"\w+":"\w+"(?:,"\w+":"\w+")*|(?<=`)[^`]+(?=`)/g)].map(
      ([text]) => text,
    )
    const command = line
      .replace(/^npx intune-nac (\w+)/, `'${process.execPath}' src/main.ts $1`)
      .replaceAll('http://127.0.0.1:9090', management)
      .replaceAll('http://127.0.0.1:8080', service)
      .replaceAll('https://127.0.0.1:8443', simulator)
    const env = { ...process.env, MANAGEMENT_PORT: new URL(management).port }
    const { stdout } = await run('sh', ['-c', command], { env })
    t.ok(promised.length > 0, `line ${index + 1} promises something: ${comment}`)
    for (const text of promised) t.ok(stdout.includes(text), `line ${index + 1} gives ${text}: ${stdout}`)
  }
  demo.child.kill('SIGTERM')
  t.equal(await demo.exited, 0, 'SIGTERM stops it cleanly')
})

t.test('the demo takes another port when its own is in use, and says so', async (t) => {
  const first = startCommand(['demo', ...anyPorts])
  t.teardown(() => first.child.kill('SIGTERM'))
  const [, port = ''] = await first.waitFor(/service is at http:\/\/127\.0\.0\.1:(\d+)/)
  const second = startCommand(['demo', ...anyPorts, '--port', port])
  t.teardown(() => second.child.kill('SIGTERM'))
  await second.waitFor(new RegExp(`Port ${port} is in use`))
  const [, other = ''] = await second.waitFor(/service is at http:\/\/127\.0\.0\.1:(\d+)/)
  t.not(other, port, 'the second listens elsewhere')
  for (const { child, exited } of [first, second]) {
    child.kill('SIGTERM')
    await exited
  }
})

t.test('a simulator whose port is in use says so in one line', async (t) => {
  const first = startCommand(['simulator', '--port', '0'])
  t.teardown(() => first.child.kill('SIGTERM'))
  const [, port = ''] = await first.waitFor(/cloud is at https:\/\/127\.0\.0\.1:(\d+)/)
  t.same(await runToEnd(['simulator', '--port', port]), {
    exitCode: 1,
    output: `intune-nac simulator: Cannot listen on 127.0.0.1:${port}: another program uses this port (EADDRINUSE)\n`,
  })
  t.match(await runToEnd(['simulator', '--host', '192.0.2.1', '--port', '0']), {
    exitCode: 1,
    output:
      /^intune-nac simulator: Cannot listen on 192\.0\.2\.1: this machine does not have the address \(EADDRNOTAVAIL\)\n$/,
  })
  first.child.kill('SIGTERM')
  await first.exited
})
