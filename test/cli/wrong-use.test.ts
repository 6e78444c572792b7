import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'

async function run(line: string) {
  const out: string[] = []
  const err: string[] = []
  const exitCode = await runCommand(line.split(' '), {
    environment: {},
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
  })
  return { exitCode, out: out.join('\n'), err: err.join('\n').split('\n')[0] }
}

t.test('what is wrong with a command line is said in the words of this program', async (t) => {
  for (const [line, said] of [
    ['chekc 00:50:56:A4:89:5A', 'intune-nac: there is no command "chekc"; did you mean check?'],
    ['xyzzy', 'intune-nac: there is no command "xyzzy"'],
    ['check --jsno', 'intune-nac check: has no option "--jsno"; did you mean --json?'],
    ['check --xyzzy=1', 'intune-nac check: has no option "--xyzzy"'],
    ['why -x', 'intune-nac why: has no option "-x"'],
    ['why --url', 'intune-nac why: needs a value behind --url: --url URL'],
    [
      'why --url --json x',
      'intune-nac why: needs a value behind --url: --url URL (one that begins with a hyphen is written --url=--json)',
    ],
    ['health --verbose=yes', 'intune-nac health: takes --verbose without a value'],
    ['health now', 'intune-nac health: takes options only, not "now"'],
  ] as const) {
    t.match(await run(line), { exitCode: 2, out: '', err: said }, line)
  }
})

t.test('--version on any command prints the version and runs nothing', async (t) => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string
  }
  for (const line of ['--version', 'serve --version', 'check --json --version']) {
    t.match(await run(line), { exitCode: 0, out: `intune-nac ${version}`, err: '' }, line)
  }
  t.match(await run('check -- --version'), { out: '' }, 'behind -- it is an identifier')
})
