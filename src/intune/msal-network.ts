import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node'
import type { Clock } from '../clock.ts'
import type { Fault } from '../errors/fault.ts'
import type { HttpReply, Outbound } from './outbound.ts'

/** A token reply is a few KiB; the openid-configuration of Entra ID is about 2 KiB. */
const MAX_REPLY_BYTES = 128 * 1024

/** What happened on the wire during one acquisition; MSAL's own errors tell it only in part, or not at all. */
export interface MsalWire {
  readonly network: INetworkModule
  /** The last reply, the fault that there was in place of one, or nothing when MSAL never sent anything. */
  last(): { readonly reply?: HttpReply; readonly fault?: Fault }
}

/**
 * Lets MSAL send through the one way out, inside one time limit for everything it does, and keeps the last reply.
 * MSAL's default client is the global `fetch`: no proxy of ours, no extra roots, no time limit on a POST.
 */
export function createMsalWire(outbound: Outbound, clock: Clock, limitMs: number): MsalWire {
  const endsAtMs = clock.monotonicMs() + limitMs
  let reply: HttpReply | undefined
  let fault: Fault | undefined

  async function send<T>(
    method: 'GET' | 'POST',
    url: string,
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> {
    const timeoutMs = Math.max(endsAtMs - clock.monotonicMs(), 1)
    const outcome = await outbound.send({
      hop: 'token',
      method,
      url,
      headers: options?.headers ?? {},
      ...(options?.body === undefined ? {} : { body: options.body }),
      timeoutMs,
      maxBytes: MAX_REPLY_BYTES,
    })
    if (!outcome.ok) {
      fault = outcome.fault
      throw new Error('no reply')
    }
    reply = outcome.value
    // A body that is not JSON throws here: the reply is kept above, and says more than MSAL's error would.
    return { status: reply.status, headers: { ...reply.headers }, body: JSON.parse(reply.body) }
  }

  return {
    network: {
      sendGetRequestAsync: (url, options) => send('GET', url, options),
      sendPostRequestAsync: (url, options) => send('POST', url, options),
    },
    last: () => ({ ...(reply && { reply }), ...(fault && { fault }) }),
  }
}
