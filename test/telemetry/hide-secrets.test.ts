import t from 'tap'
import { hideSecrets } from '../../src/telemetry/hide-secrets.ts'

const jwt = 'eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl'

t.test('credentials in a sentence are taken out and what they are stays', async (t) => {
  for (const [text, shown] of [
    [`token ${jwt} is bad`, 'token [redacted] is bad'],
    ['sent Bearer abcdef123456, got 401', 'sent Bearer [redacted], got 401'],
    ['authorization: Basic dXNlcjpwYXNz', 'authorization: [redacted] [redacted]'],
    ['{"password":"hunter2","user":"u"}', '{"password":"[redacted]","user":"u"}'],
    ['a=1&client_secret=x%20y&b=2', 'a=1&client_secret=[redacted]&b=2'],
    [`client_assertion=${jwt}&grant_type=x`, 'client_assertion=[redacted]&grant_type=x'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nafter', '[redacted]\nafter'],
    ['-----BEGIN PRIVATE KEY-----\ncut off', '[redacted]'],
  ] as const)
    t.equal(hideSecrets(text), shown)
})

t.test('a sentence about credentials stays as it is', async (t) => {
  for (const text of [
    'Entra ID refused the client assertion: AADSTS700027',
    'the token endpoint at login.microsoftonline.com does not answer',
    '    at parseToken (src/intune/entra-token.ts:12:3)',
  ])
    t.equal(hideSecrets(text), text)
})
