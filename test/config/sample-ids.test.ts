import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clouds } from '../../src/config/clouds.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { isMicrosoftLogin, sampleClientId, sampleTenantId } from '../../src/config/sample-ids.ts'

const own = {
  INTUNE_TENANT_ID: 'contoso.example',
  INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
  INTUNE_CERTIFICATE_FILE: 'app.pem',
  INTUNE_PRIVATE_KEY_FILE: 'app.key',
}

function problemsOf(more: Record<string, string>) {
  const loaded = loadSettings({ ...own, ...more }, () => undefined)
  return loaded.ok ? [] : loaded.problems.map(({ variable, problem }) => `${variable} ${problem}`)
}

t.test('the ids of the samples are refused at Microsoft, each by its variable', async (t) => {
  t.same(problemsOf({}), [])
  t.match(problemsOf({ INTUNE_TENANT_ID: sampleTenantId.toUpperCase(), INTUNE_CLIENT_ID: sampleClientId }), [
    /^INTUNE_TENANT_ID names the tenant of the examples, .* write that of your own tenant/,
    /^INTUNE_CLIENT_ID is the app registration of the examples, .* write that of your own app/,
  ])
  for (const INTUNE_CLOUD of ['usgov', 'usgov-dod']) {
    t.match(problemsOf({ INTUNE_CLOUD, INTUNE_CLIENT_ID: sampleClientId }), [/^INTUNE_CLIENT_ID is the app/])
  }
  const url = `https://login.microsoftonline.com/${sampleTenantId}/oauth2/v2.0/token`
  t.match(problemsOf({ INTUNE_TOKEN_ISSUING_URL: url }), [/^INTUNE_TOKEN_ISSUING_URL names the tenant/])
})

t.test('they are right where the login host is a simulator', async (t) => {
  const INTUNE_TOKEN_ISSUING_URL = `https://127.0.0.1:8443/${sampleTenantId}`
  t.same(problemsOf({ INTUNE_TOKEN_ISSUING_URL, INTUNE_CLIENT_ID: sampleClientId }), [])
})

t.test('every login host of Microsoft is one, and no name that only looks like it', async (t) => {
  for (const { loginUrl } of Object.values(clouds)) t.ok(isMicrosoftLogin(loginUrl), loginUrl)
  t.ok(isMicrosoftLogin('https://login.windows.net'))
  t.ok(isMicrosoftLogin('https://LOGIN.microsoftonline.com.'))
  t.notOk(isMicrosoftLogin('https://notmicrosoftonline.com'))
  t.notOk(isMicrosoftLogin('https://login.microsoftonline.com.example'))
})

t.test('no file to be filled in has them', async (t) => {
  const folder = join(import.meta.dirname, '../../deploy')
  for (const file of [
    'systemd/intune-nac.env.example',
    'kubernetes/example/kustomization.yaml',
    'compose/docker-compose.yml',
  ]) {
    t.notMatch(
      readFileSync(join(folder, file), 'utf8'),
      new RegExp(`${sampleClientId}|${sampleTenantId}`),
      file,
    )
  }
})
