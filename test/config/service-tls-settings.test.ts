import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'

const working = {
  INTUNE_TENANT_ID: 'contoso.example',
  INTUNE_CLIENT_ID: '0d1f6e1a-0b3c-4d5e-8f70-112233445566',
  INTUNE_CERTIFICATE_FILE: '/app.pem',
  INTUNE_PRIVATE_KEY_FILE: '/app.key',
}
const load = (environment: Record<string, string>) => {
  return loadSettings({ ...working, ...environment }, () => undefined)
}

t.test('without SERVICE_TLS_* the service speaks HTTP at the root', async (t) => {
  const loaded = load({})
  t.equal(loaded.ok && loaded.settings.serviceTls, undefined)
  t.equal(loaded.ok && loaded.settings.pathPrefix, undefined)
})

t.test('certificate and key go together, and authorities for callers with both', async (t) => {
  const pair = { SERVICE_TLS_CERTIFICATE_FILE: '/tls.pem', SERVICE_TLS_PRIVATE_KEY_FILE: '/tls.key' }
  t.match(load(pair), {
    settings: { serviceTls: { certificateFile: '/tls.pem', privateKeyFile: '/tls.key' } },
  })
  t.match(load({ ...pair, SERVICE_TLS_CLIENT_CA_FILE: '/ca.pem' }), {
    settings: { serviceTls: { clientCaFile: '/ca.pem' } },
  })
  for (const [given, missing] of [
    ['SERVICE_TLS_CERTIFICATE_FILE', ['SERVICE_TLS_PRIVATE_KEY_FILE']],
    ['SERVICE_TLS_PRIVATE_KEY_FILE', ['SERVICE_TLS_CERTIFICATE_FILE']],
    ['SERVICE_TLS_CLIENT_CA_FILE', ['SERVICE_TLS_CERTIFICATE_FILE', 'SERVICE_TLS_PRIVATE_KEY_FILE']],
  ] as const) {
    const loaded = load({ [given]: '/file' })
    t.same(loaded.ok ? [] : loaded.problems.map(({ variable }) => variable), missing, `only ${given}`)
  }
})

t.test('those of the management listener go together as well', async (t) => {
  const pair = { MANAGEMENT_TLS_CERTIFICATE_FILE: '/tls.pem', MANAGEMENT_TLS_PRIVATE_KEY_FILE: '/tls.key' }
  t.match(load({ ...pair, MANAGEMENT_TLS_CLIENT_CA_FILE: '/ca.pem' }), {
    settings: {
      management: {
        tls: { certificateFile: '/tls.pem', privateKeyFile: '/tls.key', clientCaFile: '/ca.pem' },
      },
    },
  })
  const loaded = load({ MANAGEMENT_TLS_CLIENT_CA_FILE: '/ca.pem' })
  t.match(loaded, {
    problems: [
      { variable: 'MANAGEMENT_TLS_CERTIFICATE_FILE', problem: /another MANAGEMENT_TLS_\* variable/ },
      { variable: 'MANAGEMENT_TLS_PRIVATE_KEY_FILE' },
    ],
  })
})

t.test('a path prefix is a path without a slash at its end', async (t) => {
  t.match(load({ SERVICE_PATH_PREFIX: '/nac/intune' }), { settings: { pathPrefix: '/nac/intune' } })
  for (const wrong of ['nac', '/nac/', '/', '/a b', '/a?b', 'https://nac.example/nac']) {
    t.equal(load({ SERVICE_PATH_PREFIX: wrong }).ok, false, wrong)
  }
})

t.test('trusted proxies are addresses and networks', async (t) => {
  t.match(load({ SERVICE_TRUSTED_PROXIES: '10.0.0.5, 2001:db8::/64' }), {
    settings: { trustedProxies: ['10.0.0.5', '2001:db8::/64'] },
  })
  for (const wrong of ['true', 'loopback', '10.0.0.5/8', ',']) {
    t.match(
      load({ SERVICE_TRUSTED_PROXIES: wrong }),
      { problems: [{ variable: 'SERVICE_TRUSTED_PROXIES' }] },
      wrong,
    )
  }
  t.equal(load({}).ok && 'trustedProxies' in load({}), false)
})
