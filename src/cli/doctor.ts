import { checkServiceFiles, findPolicyWarnings, warnOfPermissions } from '../app-files.ts'
import type { Settings } from '../config/settings.ts'
import { type Diagnosis, diagnoseConnection, diagnoseNothing } from '../connection/diagnose.ts'
import type { StepReport } from '../connection/step-runner.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { parseIdentity } from '../identity/parse-identity.ts'
import { printable, printableValues } from '../text/printable.ts'
import { type ExitCode, exitCodes, WrongUse } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { configure } from './configured.ts'
import { attributesOf, identifierHelp } from './identifier-argument.ts'
import { formatTable } from './table.ts'
import { coloured } from './terminal.ts'

const form = {
  name: 'doctor',
  usage: ['[IDENTIFIER...] [--json]'],
  does: [
    'Tests every step of the connection with the configured tenant and explains the first that fails.',
    'The last step asks about the given device, or about one that is made up.',
    ...identifierHelp,
  ],
  operands: { IDENTIFIER: 'what a device of the tenant is known by' },
  options: {
    json: { type: 'boolean', default: false, meaning: 'the steps as JSON; holds nothing secret' },
  },
  examples: ['doctor', 'doctor 00:50:56:A4:89:5A'],
  exitCodes: {
    0: 'every step passed, with warnings or without',
    1: 'a step failed',
    78: 'what failed is the configuration',
  },
} as const satisfies CommandForm

/** `intune-nac doctor` */
export const doctor = defineCommand(form, async ({ values, positionals }, context) => {
  const identity = parseIdentity(attributesOf(positionals))
  if (positionals.length > 0 && !identity.ok) throw new WrongUse(identity.fault.message)
  const loaded = configure(context)
  const diagnosis = loaded.ok
    ? await diagnoseConnection({
        settings: loaded.settings.intune,
        passphrase: loaded.secrets.privateKeyPassphrase,
        notices: loaded.notices,
        proxy: loaded.proxy,
        checkServiceFiles: () => checkServiceFiles(loaded.settings),
        findServiceWarnings: () => findWarnings(loaded.settings),
        identifiers: identity.ok ? identity.value.identifiers : [],
      })
    : diagnoseNothing(loaded.problems.map(({ variable, problem }) => `${variable} ${problem}`))
  context.out(
    values.json
      ? JSON.stringify(presentDiagnosis(diagnosis), null, 2)
      : formatDiagnosis(printableValues(diagnosis)),
  )
  if (loaded.ok) {
    for (const notice of loaded.notices) context.err(printable(`note: ${notice}`))
    for (const warning of warnOfPermissions(loaded.settings)) context.err(printable(`warning: ${warning}`))
  }
  return exitCodeOf(diagnosis)
})

/** Before clients and policy are set up there is nothing odd about them: it is the connection that is tried first. */
function findWarnings(settings: Settings): readonly string[] {
  const { clientsFile, policyFile } = settings
  return clientsFile === undefined && policyFile === undefined ? [] : findPolicyWarnings(settings)
}

/** The diagnosis as `--json` prints it; names are stable. */
export function presentDiagnosis({ ok, steps, firstFailure }: Diagnosis): object {
  return {
    ok,
    firstFailure: firstFailure?.step ?? null,
    steps: steps.map(({ step, title, result, detail, durationMs, remedy, fault }) => ({
      step,
      title,
      result,
      detail,
      durationMs: Math.round(durationMs),
      ...(fault && { code: fault.code }),
      ...(fault?.host !== undefined && { host: fault.host }),
      ...(fault?.status !== undefined && { status: fault.status }),
      ...(fault?.requestId !== undefined && { requestId: fault.requestId }),
      ...(remedy !== undefined && { remedy }),
    })),
  }
}

const words = { ok: 'ok', warn: 'warn', fail: 'FAIL', skipped: 'skipped' } as const
const colours = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'dim' } as const

/** The diagnosis for a person: one line a step, then what to do. */
export function formatDiagnosis({ steps, firstFailure }: Diagnosis): string {
  const rows = steps.map(({ title, result, detail }) => [title, words[result], detail])
  const [heading = '', rule = '', ...lines] = formatTable(['step', 'result', 'detail'], rows).split('\n')
  const table = [
    heading,
    rule,
    ...lines.map((line, index) => coloured(colours[steps[index]?.result ?? 'ok'], line)),
  ].join('\n')
  const verdict = firstFailure
    ? `First failure: ${firstFailure.title}\n${explain(firstFailure)}`
    : 'Every step passed: the service can ask Intune.'
  const others = steps.filter((report) => report.remedy !== undefined && report.step !== firstFailure?.step)
  return [table, verdict, ...others.map((report) => `Also: ${report.title}\n${explain(report)}`)].join('\n\n')
}

function explain({ detail, fault, remedy = '' }: StepReport): string {
  const code = fault ? [`  code:    ${fault.code}`, `  meaning: ${faultCatalogue[fault.code].meaning}`] : []
  const id = fault?.requestId === undefined ? [] : [`  support: request id ${fault.requestId}`]
  return [`  seen:    ${detail}`, ...code, ...id, `  remedy:  ${remedy}`].join('\n')
}

function exitCodeOf({ firstFailure }: Diagnosis): ExitCode {
  if (!firstFailure) return exitCodes.fine
  const area = firstFailure.fault ? faultCatalogue[firstFailure.fault.code].area : 'service'
  return area === 'configuration' ? exitCodes.wrongConfiguration : exitCodes.no
}
