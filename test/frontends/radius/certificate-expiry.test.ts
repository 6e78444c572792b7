import t from 'tap'
import { createRadiusApp } from './radius-app.ts'

const san = 'URI:ID:Microsoft Endpoint Manager:GUID:3eeb9e62-cec9-4dd8-9dd6-74903695a62b'

for (const [said, expected] of [
  ['261212233719Z', '2026-12-12T23:37:19.000Z'],
  ['491231235959Z', '2049-12-31T23:59:59.000Z'],
  ['500101000000Z', '1950-01-01T00:00:00.000Z'],
  ['20500101000000Z', '2050-01-01T00:00:00.000Z'],
  ['280229120000Z', '2028-02-29T12:00:00.000Z'],
  ['270229120000Z', undefined],
  ['261312233719Z', undefined],
  ['00991212233719Z', undefined],
  ['261212233719', undefined],
  ['261212233719+0100', undefined],
  ['', undefined],
  ['9'.repeat(4000), undefined],
] as const) {
  t.test(`an expiry of "${said.slice(0, 20)}" is read as ${expected ?? 'none'}`, async (t) => {
    const { inject, requests } = createRadiusApp(t)
    const payload = {
      'TLS-Client-Cert-X509v3-Subject-Alternative-Name': { type: 'string', value: [san] },
      'TLS-Client-Cert-Expiration': { type: 'string', value: [said] },
    }
    const reply = await inject({ method: 'POST', url: '/v1/radius/post-auth', payload })
    t.equal(reply.statusCode, 200)
    const [request] = requests
    t.equal(request?.certificateExpiresAtMs, expected === undefined ? undefined : Date.parse(expected))
  })
}

t.test('the first of several counts, and without a certificate there is none', async (t) => {
  const { inject, requests } = createRadiusApp(t)
  const mac = { 'Calling-Station-Id': '00-50-56-A4-89-5A' }
  const several = { ...mac, 'TLS-Client-Cert-Expiration': { value: ['270101000000Z', '260101000000Z'] } }
  const mab = { ...mac, 'Service-Type': 'Call-Check' }
  for (const payload of [several, mab, { ...several, ...mab }]) {
    await inject({ method: 'POST', url: '/v1/radius/post-auth', payload })
  }
  t.match(requests[0], { certificateExpiresAtMs: Date.UTC(2027, 0, 1) })
  t.equal(requests[1]?.certificateExpiresAtMs, undefined)
  t.equal(requests.length, 3)
  t.equal(requests[2]?.certificateExpiresAtMs, undefined, 'in MAB there is none')
})
