import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadTarget } from './load-target.ts'
import type { RecordedAnswer } from './yardstick.ts'

/** Asks once and writes the answer for a yardstick to repeat; the answer before it is what made the device known. */
export async function recordAnswer({ url, headers, body }: LoadTarget, file: string): Promise<void> {
  const ask = () =>
    fetch(url, { ...(headers && { headers }), ...(body !== undefined && { method: 'POST', body }) })
  await (await ask()).text()
  let reply = await ask()
  // It starts beside others: an overloaded service says so, and is asked again.
  for (let attempt = 1; reply.status === 503 && attempt < 20; attempt += 1) {
    await reply.text()
    await sleep(500)
    reply = await ask()
  }
  const answer: RecordedAnswer = {
    contentType: reply.headers.get('content-type') ?? '',
    body: await reply.text(),
  }
  if (reply.status !== 200) throw new Error(`${url} answered ${reply.status}: ${answer.body}`)
  writeFileSync(file, JSON.stringify(answer))
}
