import t from 'tap'
import { checkRuntime } from '../../src/config/runtime-options.ts'

const said = (environment: Record<string, string>, execArgv: readonly string[] = []) =>
  checkRuntime(environment, execArgv).problems.map(({ variable, problem }) => `${variable} ${problem}`)

t.test('what weakens TLS or the parsing of HTTP is refused, wherever it is said', async (t) => {
  t.match(said({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }), [
    /^NODE_TLS_REJECT_UNAUTHORIZED is 0, .*INTUNE_CA_FILE/,
  ])
  const options = [
    '--insecure-http-parser',
    '--tls-min-v1.0',
    '--tls-min-v1.1',
    '--tls-cipher-list=ALL:@SECLEVEL=0',
    '--tls-keylog=/tmp/keys',
    '--trace-tls',
    '--openssl-legacy-provider',
    '--security-revert=CVE-2023-46809',
    '--experimental-config-file=node.config.json',
    '--experimental-default-config-file',
    '--inspect=0.0.0.0:9229',
    '--inspect=0.0.0.0',
    '--inspect-brk=[::]:9229',
    '--inspect-wait=10.0.0.1:9229',
    '--inspect-port=0.0.0.0:9229',
    '--debug-port=nac.example:9229',
  ]
  for (const option of options) {
    const [name = ''] = option.split('=')
    const shown = name.replace('debug', 'inspect')
    t.match(said({ NODE_OPTIONS: option }), [new RegExp(`^NODE_OPTIONS has ${shown}, which `)], option)
    t.match(said({}, [option]), [new RegExp(`^the command line of node has ${shown}, which `)], option)
    const underscores = `--${option.slice(2).replace(/^[^=]+/, (text) => text.replaceAll('-', '_'))}`
    t.equal(said({ NODE_OPTIONS: underscores }).length, 1, underscores)
    t.equal(said({ NODE_OPTIONS: `--max-old-space-size=512  "${option}" --enable-source-maps` }).length, 1)
  }
  t.equal(
    said({ NODE_OPTIONS: '--import "./a \\"b\\" c.mjs" --tls-keylog "/tmp/a b"' }).length,
    1,
    'quotes as Node reads them',
  )
  t.equal(said({}, ['--inspect-port', '0.0.0.0:9229']).length, 1, 'a value of its own')
  t.equal(
    said({ NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_OPTIONS: options.join(' ') }).length,
    15,
    'all at once',
  )
})

t.test('what does no harm is let through', async (t) => {
  for (const value of ['1', '', 'false', '00']) t.same(said({ NODE_TLS_REJECT_UNAUTHORIZED: value }), [])
  for (const option of [
    '--max-old-space-size=512',
    '--enable-source-maps',
    '--import=./telemetry.mjs',
    '--require ./insecure-http-parser.cjs',
    '--max-http-header-size=65536',
    '--tls-min-v1.2',
    '--tls-min-v1.3',
    '--tls-max-v1.3',
    '--use-system-ca',
    '--use-openssl-ca',
    '--force-fips',
    '--no-insecure-http-parser',
    '--insecure-http-parser --no-insecure-http-parser',
    '--title=--tls-min-v1.0',
    '"--title=a --tls-min-v1.0"',
  ])
    t.same(said({ NODE_OPTIONS: option }), [], option)
  t.same(
    said({ NODE_OPTIONS: '--tls-min-v1.0' }, ['--no-tls-min-v1.0']),
    [],
    'the command line has the last word',
  )
  t.same(said({}, ['--inspect', '--import', 'x']), [], 'loopback, and what follows is no host')
})

t.test('what is worth knowing is noted', async (t) => {
  const notes = (environment: Record<string, string>, execArgv: readonly string[] = []) =>
    checkRuntime(environment, execArgv).notices
  t.match(notes({ NODE_EXTRA_CA_CERTS: '/roots.pem' }), [
    /^NODE_EXTRA_CA_CERTS is set \(\/roots\.pem\): .*trusted/,
  ])
  t.match(notes({ SSL_CERT_FILE: '/a', SSL_CERT_DIR: '/b' }), [/^SSL_CERT_FILE/, /^SSL_CERT_DIR/])
  t.match(notes({ OPENSSL_CONF: '/o' }), [/^OPENSSL_CONF .*stay those of this service/])
  t.match(notes({ NODE_DEBUG: 'undici' }), [/^NODE_DEBUG is set \(undici\): .*device ids/])
  for (const option of [
    '--inspect',
    '--inspect=9229',
    '--inspect=127.0.0.1:9229',
    '--inspect=localhost:1',
    '--inspect-brk=[::1]:1',
  ])
    t.match(notes({}, [option]), [/whoever can connect to it on this machine/], option)
  t.match(notes({ NODE_OPTIONS: '--report-on-fatalerror --heapsnapshot-signal=SIGUSR2' }), [
    /private key/,
    /private key/,
  ])
  t.match(notes({ NODE_OPTIONS: '--tls-max-v1.2' }), [/TLS 1\.3 is off/])
  t.match(notes({ NODE_OPTIONS: '--openssl-config=/o --openssl-shared-config' }), [
    /openssl-config/,
    /openssl-shared/,
  ])
  t.same(notes({ NODE_OPTIONS: '--max-old-space-size=512' }), [])
})
