import { z } from 'zod'

/** A move to another scale unit, as it is written. */
export const moveSchema = z.strictObject({
  /** First segment of the new paths; msud02, msud03 and so on when left out. */
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/i, 'must be letters, digits and dashes')
    .optional(),
  /** What the old paths answer from now on; `reset` drops the connection, as a host that is gone. */
  oldPaths: z.union([z.literal(404), z.literal(410), z.literal('reset')]).default(404),
})

/** What `moveScaleUnit` takes; everything has a default. */
export type MoveInput = z.input<typeof moveSchema>

/** Where the services are after a move. */
export interface Move {
  readonly complianceRetrievalPath: string
  readonly nacPath: string
  readonly oldPaths: 404 | 410 | 'reset'
}
