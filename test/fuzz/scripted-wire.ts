import { success } from '../../src/errors/fault.ts'
import type { TokenSource } from '../../src/intune/entra-token.ts'
import type { HttpReply, Outbound } from '../../src/intune/outbound.ts'

/** A way out that gives these replies one after the other, and the last one for ever. */
export function scriptedOutbound(replies: readonly Partial<HttpReply>[]): Outbound {
  let next = 0
  return {
    async send() {
      const reply = replies[Math.min(next, replies.length - 1)]
      next += 1
      return success({ status: 200, headers: {}, body: '', contentType: '', ...reply })
    },
    close: async () => {},
  }
}

/** Always the same token. */
export const oneToken: TokenSource = {
  get: async () => success('token'),
  another: async () => success('token'),
  expiresAtMs: () => undefined,
  status: () => ({ state: 'closed', consecutiveFailures: 0, openings: 0 }),
}
