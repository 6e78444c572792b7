/** A numbered request over Node's channel between parent and child, and what comes back. */
export interface ChannelRequest {
  readonly id: number
  readonly request: unknown
}

export type ChannelReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }

/** In a child: answers what the parent asks. The child ends with its parent, and is not kept alive by the channel. */
export function answerParent<T>(answer: (request: T) => unknown): void {
  process.on('message', async ({ id, request }: ChannelRequest) => {
    try {
      process.send?.({ id, value: await answer(request as T) } satisfies ChannelReply)
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies ChannelReply)
    }
  })
  process.on('disconnect', () => process.exit(1))
  process.channel?.unref()
}
