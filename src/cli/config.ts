import { checkOperatorFiles, findPolicyWarnings, warnOfPermissions } from '../app-files.ts'
import { presentWanted, type WantedDevices } from '../decision/device-conditions.ts'
import { readOnce } from '../files/read-once.ts'
import { defaultPolicyText } from '../policy/default-policy.ts'
import { loadPolicy } from '../policy/site-policy.ts'
import { printable } from '../text/printable.ts'
import { type CommandContext, type ExitCode, exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configured, explainFault } from './configured.ts'
import { formatTable } from './table.ts'

const form = {
  name: 'config',
  usage: ['[options]'],
  does: [
    'Checks the environment and every file that it names, without starting anything, and prints the',
    'settings as JSON; secrets only as set or not set.',
  ],
  options: {
    policy: {
      type: 'string',
      argument: 'FILE',
      meaning: 'check this policy file alone and print its rules',
    },
    'print-default-policy': { type: 'boolean', default: false, meaning: 'print the built-in policy' },
  },
  examples: ['config', 'config --policy policy.yaml'],
  exitCodes: { 0: 'everything is right', 78: 'the configuration is wrong, or a file that it names' },
} as const satisfies CommandForm

/** `intune-nac config` */
export const config = defineCommand(form, async ({ values }, context) => {
  if (values['print-default-policy']) {
    context.out(defaultPolicyText.trimEnd())
    return exitCodes.fine
  }
  if (values.policy !== undefined) return checkPolicy(values.policy, context)
  const loaded = configured(context)
  if (!loaded) return exitCodes.wrongConfiguration
  const secrets = {
    privateKeyPassphrase: loaded.secrets.privateKeyPassphrase === undefined ? '(not set)' : '(set)',
  }
  context.out(JSON.stringify({ ...loaded.settings, secrets }, null, 2))
  for (const notice of loaded.notices) context.err(printable(`note: ${notice}`))
  for (const warning of warnOfPermissions(loaded.settings)) context.err(printable(`warning: ${warning}`))
  for (const warning of findPolicyWarnings(loaded.settings)) context.err(`warning: ${warning}`)
  const faults = checkOperatorFiles(loaded)
  for (const fault of faults) context.err(explainFault(fault))
  return faults.length > 0 ? exitCodes.wrongConfiguration : exitCodes.fine
})

function checkPolicy(file: string, context: CommandContext): ExitCode {
  const policy = loadPolicy(file, readOnce)
  if (!policy.ok) {
    context.err(policy.fault.message)
    return exitCodes.wrongConfiguration
  }
  for (const warning of policy.value.warnings) context.err(`warning: ${warning}`)
  const { rules, profiles } = policy.value.definition
  const rows = rules.map(({ name, when, effect }, index) => [
    String(index + 1),
    name,
    presentConditions(when),
    effect.decision ?? `at most ${effect.atMost}`,
    effect.profile ?? '-',
  ])
  if (rows.length > 0) context.out(formatTable(['', 'rule', 'when', 'decision', 'profile'], rows))
  const counts = `${count(rules.length, 'rule')} and ${count(profiles.length, 'profile')}`
  context.out(`${printable(file)} is fine: ${counts}; the built-in rules apply below them.`)
  return exitCodes.fine
}

function presentConditions(when: object): string {
  const conditions = Object.entries(when).filter(([, value]) => value !== undefined)
  if (conditions.length === 0) return 'always'
  return conditions.map(([name, value]) => `${name}: ${presentCondition(value)}`).join(', ')
}

function presentCondition(value: unknown): string {
  const isDevices = typeof value === 'object' && value !== null && 'files' in value
  return isDevices ? presentWanted(value as WantedDevices) : [value].flat().join(' or ')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
