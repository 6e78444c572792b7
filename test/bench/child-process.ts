import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { onCores } from './cores.ts'
import type { ChannelReply, ChannelRequest } from './parent-channel.ts'

/** A process of the benchmark. */
export interface BenchProcess {
  readonly child: ChildProcess
  /** Resolves with the first match in what it wrote; rejects when the process ends without one. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>
  /** Asks it over the channel; answered by `answerParent` there. */
  ask(request: unknown): Promise<unknown>
  stop(): Promise<void>
}

/** Starts `node <args>` on the given cores, its output going to a file, as a service's log would. */
export function startNode(
  cores: number | readonly number[],
  args: readonly string[],
  { environment, outputFile }: { environment?: Readonly<Record<string, string>>; outputFile: string },
): BenchProcess {
  const [command, rest] = onCores(cores, process.execPath, args)
  const output = openSync(outputFile, 'w')
  const child = spawn(command, rest, {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    stdio: ['ignore', output, 'inherit', 'ipc'],
  })
  closeSync(output)
  const waiting = new Map<number, (reply: ChannelReply) => void>()
  let lastId = 0
  let ended = false
  child.on('message', (reply: ChannelReply) => {
    waiting.get(reply.id)?.(reply)
    waiting.delete(reply.id)
  })
  const exited = new Promise<void>((resolve) =>
    child.once('close', () => {
      ended = true
      for (const [id, settle] of waiting) settle({ id, error: `the process ended; see ${outputFile}` })
      resolve()
    }),
  )
  return {
    child,
    async waitFor(pattern) {
      for (;;) {
        const match = readFileSync(outputFile, 'utf8').match(pattern)
        if (match) return match
        if (ended) throw new Error(`ended without ${pattern}; see ${outputFile}`)
        await sleep(5)
      }
    },
    ask(request) {
      if (ended) return Promise.reject(new Error(`the process ended; see ${outputFile}`))
      lastId += 1
      const id = lastId
      return new Promise((resolve, reject) => {
        waiting.set(id, (reply) => ('error' in reply ? reject(new Error(reply.error)) : resolve(reply.value)))
        child.send({ id, request } satisfies ChannelRequest)
      })
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
