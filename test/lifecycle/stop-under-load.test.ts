import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { verifyDecisionLog } from '../../src/telemetry/verify-decision-log.ts'
import { laptop, simulatedService } from '../app/simulated-service.ts'
import { startCommand } from '../e2e/run-process.ts'
import { type CallerKind, startCallers } from './steady-callers.ts'

t.setTimeout(240_000)

const perSecond = 500
/** Far longer than the load balancer below takes to notice, on a machine that is busy with other tests too. */
const graceSeconds = 2

t.test(
  'SIGTERM under load fails no request, of callers that keep connections and of those that do not',
  async (t) => {
    const { environment } = await simulatedService(t)
    const directory = dirname(environment.INTUNE_CA_FILE)
    const start = async (name: string) => {
      const log = join(directory, `${name}.log`)
      const command = startCommand(['serve'], {
        ...environment,
        STATE_DIR: join(directory, 'state'),
        DECISION_LOG_FILE: log,
        SHUTDOWN_GRACE_SECONDS: String(graceSeconds),
      })
      t.teardown(() => command.child.kill('SIGKILL'))
      const [, url = ''] = await command.waitFor(/"serviceUrl":"([^"]+)"/)
      return { command, url, log }
    }
    const leaving = await start('leaving')
    const staying = await start('staying')
    t.match(
      staying.command.output(),
      /"event":"state_shared".*"pid":\d+/,
      'replicas on one STATE_DIR see each other',
    )

    // What a load balancer does: it asks /readyz, and opens connections to whoever is ready.
    const ready = { leaving: true, refused: [] as string[] }
    const balancing = new AbortController()
    const balancer = (async () => {
      while (!balancing.signal.aborted) {
        const reply = await fetch(`${leaving.url}/readyz`).catch(() => undefined)
        if (reply?.status === 503) ready.refused.push(await reply.text())
        ready.leaving = reply?.status === 200
        await sleep(50)
      }
    })()
    const balanced = () => (ready.leaving ? leaving.url : staying.url)
    // Knows nothing of /readyz: stays until its connection is taken from it, and only then goes elsewhere.
    const pooled = () => {
      let uses = 0
      return () => (uses++ === 0 ? leaving.url : staying.url)
    }
    const kinds = Array.from({ length: 40 }, (_, index): CallerKind => {
      if (index % 4 === 0) return { keepsConnection: false, target: balanced }
      return { keepsConnection: true, target: pooled() }
    })
    const startedMs = performance.now()
    const callers = startCallers(kinds, { perSecond, path: `/v1/decision?mac=${laptop.mac}` })
    await sleep(1500)
    leaving.command.child.kill('SIGTERM')
    t.equal(await leaving.command.exited, 0, `it ends with 0: ${leaving.command.output().slice(-500)}`)
    const seconds = (performance.now() - startedMs) / 1000
    t.comment(`${Math.round(callers.answers() / seconds)} answers a second over ${seconds.toFixed(1)} s`)
    await sleep(300)
    await callers.stop()
    balancing.abort()
    await balancer

    t.same(callers.seen.failed, [], `none of ${callers.answers()} requests failed`)
    const answered = callers.seen.answered.get(leaving.url) ?? 0
    t.ok(answered > 200, `${answered} were answered by the one that left`)
    t.ok((callers.seen.answered.get(staying.url) ?? 0) > 0, 'and then the others by the other')
    t.match(JSON.parse(ready.refused[0] ?? '{}'), { status: 'not_ready', checks: { shutdown: 'failing' } })

    const verified = await verifyDecisionLog([leaving.log], { partial: false })
    t.equal(verified.finding, undefined, 'the decision log is whole')
    t.equal(
      verified.lines,
      answered + 2,
      'with a line for every answer that was given, its start and its end',
    )
    staying.command.child.kill('SIGINT')
    t.equal(await staying.command.exited, 0)
  },
)
