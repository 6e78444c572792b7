import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { sendAtRate, sendLoad } from './http-load.ts'

async function serve(t: Test, answer: (url: string, body: string) => number) {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    // The sender leaves in the middle of its last requests.
    request.on('error', () => {})
    request.on('end', () => response.writeHead(answer(request.url ?? '', body)).end('x'.repeat(100)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a rate is kept, and the body is sent', async (t) => {
  const bodies = new Set<string>()
  const url = await serve(t, (_url, body) => {
    bodies.add(body)
    return 200
  })
  const target = { url: `${url}/path`, headers: { authorization: 'Basic eA==' }, body: '{"mac":"1"}' }
  const result = await sendAtRate(target, 100, { connections: 4, seconds: 0.5 })
  t.ok(result.requests > 0 && result.requests <= 200, `${result.requests} of about 50 requests`)
  t.equal(result.failed, 0)
  t.ok(result.p50Ms > 0 && result.p50Ms <= result.p99Ms && result.p99Ms <= result.p999Ms)
  t.strictSame([...bodies], [target.body])
})

t.test('answers that are not 2xx have failed; addresses are random among those that are kept', async (t) => {
  const asked = new Set<string>()
  const url = await serve(t, (path) => {
    asked.add(path)
    return 503
  })
  const result = await sendLoad({ url: `${url}/?mac=`, macs: 3 }, { connections: 2, seconds: 0.5 })
  t.equal(result.failed, result.requests)
  t.ok(result.requests > 0)
  for (const path of asked) t.match(path, /^\/\?mac=00500000000[012]$/)
})
