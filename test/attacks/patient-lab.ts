import type { Test } from 'tap'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { lab } from '../radius-lab/lab.ts'

/** Changes a deployed file on its way into the lab. */
export type Adapt = (file: string, text: string) => string

/** The lab with limits that a machine with other things to do keeps: who gets in is asked here, not how fast. */
export function patientLab(t: Test, adapt: Adapt = (_file, text) => text): Promise<LabStage> {
  return lab(t, {
    environment: { DECISION_DEADLINE_MS: '8000' },
    freeradius: {
      adapt: (file, text) =>
        adapt(
          file,
          file === 'mods-available/rest_nac' ? text.replaceAll('timeout = 2.0', 'timeout = 10.0') : text,
        ),
    },
  })
}

/**
 * Plays a device until the service has answered: on a machine that is late it refuses new requests, which is an outage to
 * FreeRADIUS and the critical VLAN to the device.
 */
export async function untilAnswered(play: () => Promise<string>, tries = 5): Promise<string> {
  const place = await play()
  return place.endsWith('999') && tries > 1 ? untilAnswered(play, tries - 1) : place
}
