import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { CommandForm } from '../../src/cli/command-form.ts'
import { asksForHelp, parseCommandLine } from '../../src/cli/command-line.ts'
import { commands } from '../../src/cli/commands.ts'
import { presentHelp } from '../../src/cli/help.ts'
import { runCommand } from '../../src/cli/run-command.ts'

/** Runs a command in an environment of which nothing may be looked at but the variables of Node. */
async function run(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const environment = new Proxy<Record<string, string>>(
    {},
    {
      get: (_target, name) => {
        if (/^(NODE_|SSL_|OPENSSL_)/.test(String(name))) return undefined
        throw new Error(`${String(name)} was read`)
      },
      ownKeys: () => {
        throw new Error('the environment was read')
      },
    },
  )
  const exitCode = await runCommand(args, {
    environment,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
  })
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}

const loaded = await Promise.all(
  Object.entries(commands).map(async ([name, { load }]) => ({ name, forms: (await load()).forms })),
)
const everyForm: readonly CommandForm[] = loaded.flatMap(({ forms }) => forms)

/** The options that a text names, without `--help`. */
function optionsIn(text: string): string[] {
  const names = [...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, name = '']) => name)
  return [...new Set(names)].filter((name) => name !== 'help').sort()
}

t.test('every command prints the help of all its forms, and reads no configuration for it', async (t) => {
  t.ok(everyForm.length > 12, 'commands were found')
  for (const { name, forms } of loaded) {
    for (const args of [
      [name, '--help'],
      [name, '-h'],
      ['help', name],
    ]) {
      const { exitCode, out, err } = await run(...args)
      t.equal(exitCode, 0, args.join(' '))
      t.equal(err, '', `${args.join(' ')} writes to standard output alone`)
      t.equal(out, forms.map(presentHelp).join('\n\n'), `${args.join(' ')} shows every form`)
    }
  }
})

t.test('the help of a sub-command is its own', async (t) => {
  for (const form of everyForm.filter(({ name }) => name.includes(' '))) {
    const { exitCode, out } = await run(...form.name.split(' '), '--help')
    t.equal(exitCode, 0, form.name)
    t.equal(out, presentHelp(form), form.name)
  }
  t.match(await run('help', 'client', 'add'), { exitCode: 0, out: /^Usage: intune-nac client add NAME/ })
})

t.test('help names every option that the parser takes, with what it means, and no other', async (t) => {
  for (const form of everyForm) {
    const help = presentHelp(form)
    t.match(help, `Usage: intune-nac ${form.name}`, form.name)
    t.same(optionsIn(help), Object.keys(form.options).sort(), `${form.name}: the options`)
    for (const [name, option] of Object.entries(form.options)) {
      const label = option.type === 'string' ? `--${name} ${option.argument}` : `--${name}`
      const line = help.split('\n').find((one) => one.trimStart().startsWith(`${label}  `)) ?? ''
      t.ok(line.includes(option.meaning), `${form.name}: the meaning of --${name}`)
      if (option.type === 'string' && option.default !== undefined)
        t.ok(line.endsWith(`(default: ${option.default})`), `${form.name}: the default of --${name}`)
    }
    const given = Object.entries(form.options).map(([name, { type }]) =>
      type === 'string' ? `--${name}=x` : `--${name}`,
    )
    const { values } = parseCommandLine(given, form)
    t.same(Object.keys(values).sort(), Object.keys(form.options).sort(), `${form.name}: the parser`)
    t.same(
      help.split('\n').filter((line) => line.length > 100),
      [],
      `${form.name}: no line is too long for a terminal`,
    )
  }
})

t.test('every example is one that its command takes', async (t) => {
  for (const form of everyForm) {
    t.ok(form.examples.length > 0, `${form.name} has an example`)
    for (const example of form.examples) {
      t.equal(example.slice(0, form.name.length), form.name)
      const args = example.slice(form.name.length).split(' ').filter(Boolean)
      t.doesNotThrow(() => parseCommandLine(args, form), example)
    }
  }
})

t.test('an option that no command has is wrong use, and the message says where the help is', async (t) => {
  for (const { name } of everyForm) {
    const { exitCode, out, err } = await run(...name.split(' '), '--no-such-option')
    t.equal(exitCode, 2, name)
    t.equal(out, '')
    t.match(err, /--no-such-option/)
    const top = name.split(' ')[0] ?? ''
    t.ok(
      [`See intune-nac ${name} --help`, `See intune-nac ${top} --help`].includes(
        err.split('\n').at(-1) ?? '',
      ),
    )
  }
  t.match(await run('client', 'rename'), { exitCode: 2, err: /See intune-nac client --help$/ })
  t.match(await run('client', 'add', '--file', 'x'), {
    exitCode: 2,
    err: /See intune-nac client add --help$/,
  })
  t.match(await run('health', 'now'), {
    exitCode: 2,
    err: /takes options only, not "now"\nSee intune-nac health/,
  })
})

t.test('of a file that cannot be used the message alone is printed', async (t) => {
  const absent = join(t.testdir({}), 'absent')
  for (const args of [
    ['log', 'verify', absent],
    ['client', 'list', '--file', absent],
    ['simulator', '--scenario', absent],
  ]) {
    const { exitCode, err } = await run(...args)
    t.equal(exitCode, 2, args.join(' '))
    t.match(err, absent)
    t.notMatch(err, 'See ')
  }
})

t.test('help comes before anything is done, whatever else is on the command line', async (t) => {
  const file = join(t.testdir({}), 'clients.yaml')
  const made = await run('client', 'add', 'x', '--file', file, '--wrong', '--help')
  t.match(made, { exitCode: 0, out: /^Usage: intune-nac client add/, err: '' })
  t.notOk(existsSync(file), 'no file was made')
  t.match(await run('serve', '--help=all'), { exitCode: 0, out: /^Usage: intune-nac serve$/m })
})

t.test('--help as a value, and behind --, is what it says there', async (t) => {
  const form: CommandForm = {
    name: 'x',
    usage: [''],
    does: [],
    operands: { TEXT: 'any' },
    options: { name: { type: 'string', argument: 'TEXT', meaning: 'any' } },
    examples: [],
  }
  for (const [args, name, positionals] of [
    [['--name=--help'], '--help', []],
    [['--name=-h', '--', '-h'], '-h', ['-h']],
    [['--', '--help'], undefined, ['--help']],
  ] as const) {
    t.notOk(asksForHelp(args, [form]), args.join(' '))
    const line = parseCommandLine(args, form)
    t.equal(line.values.name, name, args.join(' '))
    t.same(line.positionals, positionals, args.join(' '))
  }
  t.notOk(asksForHelp(['--name', '--help'], [form]))
  t.throws(() => parseCommandLine(['--name', '--help'], form), { name: 'WrongUse' }, 'a forgotten value')
  t.match(await run('check', '--', '--help'), { exitCode: 2, err: /^intune-nac check: / })
})

t.test('the usage has a line for each command and says that each has --help', async (t) => {
  for (const args of [['--help'], ['-h'], ['help'], ['help', '--help']]) {
    const { exitCode, out } = await run(...args)
    t.equal(exitCode, 0, args.join(' '))
    for (const [name, { summary }] of Object.entries(commands))
      t.ok(
        out.split('\n').some((line) => line.startsWith(`  ${name} `) && line.endsWith(`  ${summary}`)),
        name,
      )
    t.match(out, /^intune-nac <command> --help /m)
    t.match(out, /^Exit codes: 0 fine, 1 no, 2 wrong use, 78 wrong configuration\.$/m)
  }
  t.match(await run('help', 'sing'), { exitCode: 2, err: /there is no command "sing"/ })
})
