import { subscribe } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { putSampleDevices, samples } from '../../src/cli/sample-devices.ts'
import { writeSimulatorAccess } from '../../src/cli/simulator-files.ts'
import { sampleClientId } from '../../src/config/sample-ids.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { startCommand } from '../e2e/run-process.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

t.test(
  'with OpenTelemetry in the process, nothing of a caller but its trace id reaches Microsoft',
  async (t) => {
    const received: IncomingHttpHeaders[] = []
    subscribe('http.server.request.start', (message) => {
      received.push((message as { request: IncomingMessage }).request.headers)
    })
    const simulator = await startSimulator({ port: 0 })
    putSampleDevices(simulator)
    const { environment } = await writeSimulatorAccess(simulator, sampleClientId, t.testdir())
    const service = startCommand(['serve'], {
      ...environment,
      SERVICE_PORT: '0',
      MANAGEMENT_PORT: '0',
      DECISION_DEADLINE_MS: '10000',
      SHUTDOWN_GRACE_SECONDS: '0',
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'load-opentelemetry.ts')}`,
    })
    t.teardown(async () => {
      service.child.kill('SIGTERM')
      await service.exited
      await simulator.close()
    })
    const [, url = ''] = await service.waitFor(/"serviceUrl":"(http:[^"]+)"/)
    const callers = {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      tracestate: 'vendor=of-the-caller',
      baggage: 'user=of-the-caller,mac=of-the-caller',
      b3: `${traceId}-00f067aa0ba902b7-1`,
      'x-of-the-caller': 'anything',
    }
    const reply = await fetch(`${url}/v1/decision?deviceId=${samples.bob.deviceId}`, { headers: callers })
    t.match(await reply.json(), { decision: 'remediate' })

    const caused = received.filter(({ traceparent }) => String(traceparent).includes(traceId))
    t.ok(caused.length >= 2, 'the query and the details belong to the trace of the caller')
    for (const { authorization, ...headers } of received) {
      t.notMatch(JSON.stringify(headers), 'of-the-caller')
      t.notOk('b3' in headers || 'tracestate' in headers || 'baggage' in headers)
      if (headers.traceparent !== undefined) t.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    }
  },
)
