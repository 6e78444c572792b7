import t from 'tap'
import { simulatedService } from './simulated-service.ts'

t.test('services with SERVICE_REUSE_PORT share one port, and one goes on when the other stops', async (t) => {
  const first = await simulatedService(t, { environment: { SERVICE_REUSE_PORT: 'on' } })
  const { serviceUrl = '' } = (await first.app?.listen()) ?? {}
  const { port } = new URL(serviceUrl)
  const second = await simulatedService(t, { environment: { SERVICE_REUSE_PORT: 'on', SERVICE_PORT: port } })
  t.equal((await second.app?.listen())?.serviceUrl, serviceUrl)

  const answeredBy = async () => {
    const reply = await fetch(`${serviceUrl}/livez`, { headers: { connection: 'close' } })
    await reply.text()
    return reply.status
  }
  const served = { first: 0, second: 0 }
  first.app?.server.server.on('request', () => {
    served.first += 1
  })
  second.app?.server.server.on('request', () => {
    served.second += 1
  })
  // The kernel goes by a hash of both addresses: that 200 connections all fall to one is a chance of 1 in 2^199.
  for (let connection = 0; connection < 200; connection += 1) t.equal(await answeredBy(), 200)
  t.ok(served.first > 0 && served.second > 0, `${served.first} and ${served.second} connections`)

  await first.app?.close()
  for (let connection = 0; connection < 20; connection += 1)
    t.equal(await answeredBy(), 200, 'the other answers')
})

t.test('without it a port that is in use is refused', async (t) => {
  const first = await simulatedService(t)
  const { serviceUrl = '' } = (await first.app?.listen()) ?? {}
  const second = await simulatedService(t, { environment: { SERVICE_PORT: new URL(serviceUrl).port } })
  await t.rejects(second.app?.listen().then(() => {}) ?? Promise.resolve(), { code: 'EADDRINUSE' })
})
