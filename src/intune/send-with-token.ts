import type { Outcome } from '../errors/fault.ts'
import type { TokenSource } from './entra-token.ts'
import type { HttpReply } from './outbound.ts'

/**
 * Sends a request with a token; where it is refused (401), the request is sent once more with another one, where
 * there is another to be had. The reply to the last attempt comes back, whatever its status.
 */
export async function sendWithToken(
  tokens: TokenSource,
  send: (token: string) => Promise<Outcome<HttpReply>>,
): Promise<Outcome<HttpReply>> {
  const token = await tokens.get()
  if (!token.ok) return token
  const reply = await send(token.value)
  if (!reply.ok || reply.value.status !== 401) return reply
  const another = await tokens.another(token.value)
  if (!another.ok) return another
  return another.value === token.value ? reply : send(another.value)
}
