import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type LabOptions, type LabStage, startLab } from '../../src/cli/lab-stage.ts'
import { keepOutput } from '../fakes/kept-output.ts'

const installer = join(import.meta.dirname, '../../scripts/install-test-peers.sh')
const { status, stderr } = spawnSync('bash', [installer, '--check'], { encoding: 'utf8' })

/**
 * False where the real peers are there. On a machine without them the suites say so loudly and are skipped; under CI they run
 * and fail.
 */
export const peersMissing: string | false =
  status === 0 || process.env.CI === 'true' ? false : `NOT RUN, peers are missing. ${stderr.trim()}`

if (peersMissing !== false) process.stderr.write(`\n!! ${peersMissing}\n\n`)

/** A lab that is taken down with the test. */
export async function lab(t: Test, options: LabOptions = {}): Promise<LabStage> {
  const stage = await startLab(options)
  t.teardown(async () => {
    keepOutput('log')(stage.serviceLog())
    await stage.close()
  })
  return stage
}

/** Intune device ids of the lab. */
export const ids = {
  compliant: 'c0000000-0000-4000-8000-000000000001',
  noncompliant: 'c0000000-0000-4000-8000-000000000002',
  unknown: 'c0000000-0000-4000-8000-000000000003',
  notEnrolled: 'c0000000-0000-4000-8000-000000000004',
} as const

/** Their MAC addresses. */
export const macs = {
  compliant: '00-50-56-00-00-01',
  noncompliant: '00-50-56-00-00-02',
  unknown: '00-50-56-00-00-03',
  notEnrolled: '00-50-56-00-00-04',
} as const

/** Enrols the first three of them. */
export function enrol({ simulator }: LabStage): void {
  for (const state of ['compliant', 'noncompliant', 'unknown'] as const) {
    simulator.tenant.putDevice({
      deviceId: ids[state],
      macs: [macs[state].replaceAll('-', '')],
      complianceState: state,
      // The 2024 dialect has only true and false; an empty status is how "not evaluated" can be seen.
      ...(state === 'unknown' && { wireCompliance: '' }),
    })
  }
}

/** The two forms in which Intune's certificates name the device, and Microsoft's SID beside them. */
export const sanForms = {
  endpointManager: (id: string) => [
    `ID:Microsoft Endpoint Manager:GUID:${id}`,
    'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001',
  ],
  intuneDeviceId: (id: string) => [
    'tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1001',
    `IntuneDeviceId://${id}`,
  ],
} as const
