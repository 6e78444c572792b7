import { inBackground } from '../background.ts'
import type { Clock } from '../clock.ts'
import { faultCatalogue } from '../errors/catalogue.ts'
import { type Fault, failure } from '../errors/fault.ts'
import { remedyOf } from '../errors/remedy.ts'

/** The steps of a diagnosis, in the order in which they are printed, with the heading of each. */
export const stepTitles = {
  configuration: 'settings, trust store, proxy',
  certificate: 'certificate and key',
  service_files: 'HTTPS, clients, policy',
  login_host: 'DNS and TLS: login host',
  clock: 'clock',
  graph_host: 'DNS and TLS: Graph host',
  graph_token: 'token for Graph',
  discovery: 'service discovery',
  providers: 'provider rows',
  intune_host: 'DNS and TLS: Intune host',
  intune_token: 'token for Intune, its role',
  query: 'device query',
} as const

/** The name of a step, stable: scripts read it from `doctor --json`. */
export type StepName = keyof typeof stepTitles

/** What a check found out. `warn` lets the steps behind go on; its remedy is a sentence of its own. */
export type Finding<T> =
  | { readonly result: 'ok'; readonly detail: string; readonly value: T }
  | { readonly result: 'warn'; readonly detail: string; readonly value: T; readonly remedy: string }
  | { readonly result: 'fail'; readonly fault: Fault }

/** One line of a diagnosis. */
export interface StepReport {
  readonly step: StepName
  readonly title: string
  readonly result: 'ok' | 'warn' | 'fail' | 'skipped'
  /** What was seen, what is wrong, or why the step was skipped: one sentence without anything secret. */
  readonly detail: string
  readonly durationMs: number
  /** What to click or run, for warn and fail. */
  readonly remedy?: string
  /** For fail. */
  readonly fault?: Fault
}

/** How a step ended, as the steps behind it see it; `cause` is the step that failed, this one or one before it. */
export type Ended<T> =
  | { readonly passed: true; readonly value: T }
  | { readonly passed: false; readonly cause: StepName }

type Values<Needs> = {
  [Name in keyof Needs]: Needs[Name] extends Ended<infer Value> ? Value : never
}

/** Runs steps one after the other; a step whose needs did not pass is skipped with the reason. */
export interface StepRunner {
  step<Needs extends Readonly<Record<string, Ended<unknown>>>, T>(
    name: StepName,
    needs: Needs,
    check: (values: Values<Needs>) => Promise<Finding<T>>,
  ): Promise<Ended<T>>
  readonly reports: readonly StepReport[]
}

/** A step ends after `stepLimitMs`, whatever the check does; one that took longer than `slowMs` is a warning. */
export function createStepRunner(
  clock: Clock,
  { stepLimitMs, slowMs }: { readonly stepLimitMs: number; readonly slowMs: number },
): StepRunner {
  const reports: StepReport[] = []

  function limited<T>(title: string, finding: Promise<Finding<T>>): Promise<Finding<T>> {
    return new Promise((resolve) => {
      const give = (value: Finding<T>) => {
        cancel()
        resolve(value)
      }
      const message = `the step "${title}" did not end within ${stepLimitMs} ms`
      const late = { result: 'fail', fault: failure('upstream_timeout', message).fault } as const
      const cancel = clock.after(stepLimitMs, () => give(late))
      const defect = failure('internal', `the step "${title}" ended in an exception`).fault
      inBackground('doctor', async () => give(await finding.catch(() => ({ result: 'fail', fault: defect }))))
    })
  }

  return {
    reports,
    async step(name, needs, check) {
      const title = stepTitles[name]
      const missing = Object.values(needs).find((need) => !need.passed)
      if (missing && !missing.passed) {
        const detail = `needs "${stepTitles[missing.cause]}", which failed`
        reports.push({ step: name, title, result: 'skipped', detail, durationMs: 0 })
        return missing
      }
      const values = Object.fromEntries(
        Object.entries(needs).map(([key, need]) => [key, need.passed ? need.value : undefined]),
      ) as Values<typeof needs>
      const startedMs = clock.monotonicMs()
      const finding = await limited(title, check(values))
      const durationMs = clock.monotonicMs() - startedMs
      if (finding.result === 'fail') {
        const { fault } = finding
        const remedy = remedyOf(fault)
        reports.push({ step: name, title, result: 'fail', detail: fault.message, durationMs, remedy, fault })
        return { passed: false, cause: name }
      }
      reports.push({ step: name, title, durationMs, ...judgeSpeed(finding, durationMs, slowMs) })
      return { passed: true, value: finding.value }
    },
  }
}

function judgeSpeed(
  finding: Exclude<Finding<unknown>, { result: 'fail' }>,
  durationMs: number,
  slowMs: number,
): Pick<StepReport, 'result' | 'detail' | 'remedy'> {
  const { result, detail } = finding
  if (result === 'warn') return { result, detail, remedy: finding.remedy }
  if (durationMs <= slowMs) return { result, detail }
  const { remedy } = faultCatalogue.upstream_timeout
  return { result: 'warn', detail: `${detail}; slow: ${(durationMs / 1000).toFixed(1)} s`, remedy }
}
