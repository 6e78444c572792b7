import t from 'tap'
import { loadSettings } from '../../src/config/load-settings.ts'
import { variables } from '../../src/config/variables.ts'

const required = {
  INTUNE_TENANT_ID: '47F09275-5BC0-4807-8AAE-F35CB034132A',
  INTUNE_CLIENT_ID: '0D1F6E1A-0B3C-4D5E-8F70-112233445566',
  INTUNE_CERTIFICATE_FILE: '/etc/intune-nac/app.pem',
  INTUNE_PRIVATE_KEY_FILE: '/etc/intune-nac/app.key',
}
const load = (environment: Readonly<Record<string, string>>) =>
  loadSettings({ ...required, ...environment }, () => undefined)

function problemsOf(environment: Readonly<Record<string, string>>): Record<string, string> {
  const loaded = load(environment)
  if (loaded.ok) return {}
  return Object.fromEntries(loaded.problems.map(({ variable, problem }) => [variable, problem]))
}

/** What Kubernetes puts into a pod for a Service, with a port that has a name. */
function serviceLinks(service: string, port: number): Record<string, string> {
  const name = service.toUpperCase().replaceAll('-', '_')
  return {
    [`${name}_SERVICE_HOST`]: '10.0.0.11',
    [`${name}_SERVICE_PORT`]: String(port),
    [`${name}_SERVICE_PORT_HTTPS`]: String(port),
    [`${name}_PORT`]: `tcp://10.0.0.11:${port}`,
    [`${name}_PORT_${port}_TCP`]: `tcp://10.0.0.11:${port}`,
    [`${name}_PORT_${port}_TCP_PROTO`]: 'tcp',
    [`${name}_PORT_${port}_TCP_PORT`]: String(port),
    [`${name}_PORT_${port}_TCP_ADDR`]: '10.0.0.11',
    [`${name}_PORT_53_UDP`]: 'udp://10.0.0.11:53',
  }
}

const platforms: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'systemd, directories and credentials': {
    RUNTIME_DIRECTORY: '/run/intune-nac',
    STATE_DIRECTORY: '/var/lib/intune-nac',
    CACHE_DIRECTORY: '/var/cache/intune-nac',
    LOGS_DIRECTORY: '/var/log/intune-nac',
    CONFIGURATION_DIRECTORY: '/etc/intune-nac',
    CREDENTIALS_DIRECTORY: '/run/credentials/intune-nac.service',
  },
  'systemd, the rest': {
    INVOCATION_ID: '84ee1b55f333437aaed60823165d89b8',
    JOURNAL_STREAM: '8:1234',
    LOG_NAMESPACE: 'nac',
    LOGNAME: 'intune-nac',
    SERVICE_RESULT: 'success',
    EXIT_CODE: 'exited',
    EXIT_STATUS: '0',
    MONITOR_SERVICE_RESULT: 'success',
    MAINPID: '1',
    MANAGERPID: '1',
    SYSTEMD_EXEC_PID: '74',
    NOTIFY_SOCKET: '/run/systemd/notify',
    WATCHDOG_USEC: '1',
    LISTEN_FDS: '1',
    MEMORY_PRESSURE_WATCH: '/sys/fs/cgroup/x',
    TRIGGER_UNIT: 'x.timer',
  },
  registrators: {
    SERVICE_NAME: 'nac',
    SERVICE_TAGS: 'a,b',
    SERVICE_ID: 'nac-1',
    SERVICE_IGNORE: 'true',
    SERVICE_REGION: 'eu',
    SERVICE_8080_NAME: 'nac-http',
    SERVICE_8080_TAGS: 'x',
    SERVICE_8080_CHECK_HTTP: '/readyz',
    SERVICE_CHECK_HTTP: '/readyz',
    SERVICE_CHECK_INTERVAL: '15s',
    SERVICE_ENVIRONMENT: 'production',
    SERVICE_VERSION: '3',
    SERVICE_OWNER: 'network team',
  },
  'links of Docker': {
    MANAGEMENT_NAME: '/nac/management',
    MANAGEMENT_ENV_PATH: '/bin',
    SERVICE_ENV_NODE_ENV: 'production',
    POLICY_NAME: '/nac/policy',
    CLIENTS_NAME: '/nac/clients',
  },
  'Nomad and Cloud Foundry': {
    NOMAD_ALLOC_ID: 'x',
    NOMAD_PORT_http: '23000',
    NOMAD_ADDR_http: '10.0.0.1:23000',
    VCAP_SERVICES: '{}',
    VCAP_APPLICATION: '{}',
    CF_INSTANCE_PORT: '1',
    PORT: '8080',
    MEMORY_LIMIT: '512m',
  },
  'other programs': {
    LOG_FORMAT: 'json',
    LOG_FILE: '/var/log/x',
    LOG_DIR: '/var/log',
    SERVICE_ROOT: '/srv',
    SERVICE_USER: 'nac',
    SERVICE_URL: 'http://x',
    STATE_STORE: 'x',
    STATE_HOME: '/x',
    TRACE_STATE: 'x=1',
    TRACE_ID: '1',
    POLICY_NAME: 'x',
    CLIENT_ID: 'x',
    TENANT_ID: 'x',
    CA_FILE: 'x',
    INTUNE_OWNER: 'network team',
    MANAGEMENT_URL: 'http://x',
  },
}

t.test('what a platform puts into the environment does not keep the service from starting', async (t) => {
  for (const [name, environment] of Object.entries(platforms)) t.same(problemsOf(environment), {}, name)
  const services = [
    'service',
    'services',
    'management',
    'intune',
    'log',
    'logs',
    'clients',
    'client',
    'state',
  ]
  const more = [
    'policy',
    'trace',
    'decision',
    'intune-nac',
    'state-dir',
    'service-host',
    'compliant',
    'refresh',
  ]
  for (const service of [...services, ...more]) t.same(problemsOf(serviceLinks(service, 9090)), {}, service)
})

t.test(
  'MANAGEMENT_PORT and SERVICE_PORT of a Service of that name are not ours: the default is used',
  async (t) => {
    const loaded = load({ ...serviceLinks('management', 9999), ...serviceLinks('service', 8888) })
    if (!loaded.ok) return t.fail(JSON.stringify(loaded.problems))
    t.equal(loaded.settings.management.port, 9090)
    t.equal(loaded.settings.service.port, 8080)
    t.match(
      loaded.notices.filter((notice) => /_PORT holds the address/.test(notice)),
      [/^SERVICE_PORT .*8080 is used.*enableServiceLinks: false/, /^MANAGEMENT_PORT .*9090 is used/],
    )
    const fromFile = loadSettings(
      { ...required, ...serviceLinks('management', 9999), MANAGEMENT_PORT_FILE: '/port' },
      () => '9191\n',
    )
    t.match(fromFile, { settings: { management: { port: 9191 } } }, 'and MANAGEMENT_PORT_FILE counts')
    t.match(
      problemsOf({ MANAGEMENT_PORT: 'tcp://' }),
      { MANAGEMENT_PORT: /whole number/ },
      'half of one is a mistake',
    )
  },
)

t.test('a slip of the pen in one of our names is an error, and says what was meant', async (t) => {
  const slips: Readonly<Record<string, string>> = {
    INTUNE_TENNANT_ID: 'INTUNE_TENANT_ID',
    INTUNE_TENANTID: 'INTUNE_TENANT_ID',
    INTUEN_TENANT_ID: 'INTUNE_TENANT_ID',
    ITUNE_CLIENT_ID: 'INTUNE_CLIENT_ID',
    intune_client_id: 'INTUNE_CLIENT_ID',
    'INTUNE-CLIENT-ID': 'INTUNE_CLIENT_ID',
    INTUNE_PRIVATE_KEY_PASSPRASE_FILE: 'INTUNE_PRIVATE_KEY_PASSPHRASE_FILE',
    INTUNE_CERT_FILE: 'INTUNE_CERTIFICATE_FILE',
    INTUNE_KEY_FILE: 'INTUNE_PRIVATE_KEY_FILE',
    INTUNE_ALLOWED_HOST: 'INTUNE_ALLOWED_HOSTS',
    SERVICE_TLS_CERT_FILE: 'SERVICE_TLS_CERTIFICATE_FILE',
    SERVICE_TLS_CA_FILE: 'SERVICE_TLS_CLIENT_CA_FILE',
    SERVICE_TRUSTED_PROXY: 'SERVICE_TRUSTED_PROXIES',
    SERVICE_PROT: 'SERVICE_PORT',
    SERVICE_PORTS: 'SERVICE_PORT',
    MANAGMENT_PORT: 'MANAGEMENT_PORT',
    CLIENT_FILE: 'CLIENTS_FILE',
    POLICY_FLIE: 'POLICY_FILE',
    STATE_DIRS: 'STATE_DIR',
    STATEDIR: 'STATE_DIR',
    TRACE_STOER: 'TRACE_STORE',
    LOG_LEVL: 'LOG_LEVEL',
    LOGLEVEL: 'LOG_LEVEL',
    LOG_DEVICE_ID: 'LOG_DEVICE_IDS',
    OUTAGE_HOLD_SECS: 'OUTAGE_HOLD_SECONDS',
    DECISION_LOG_MAX_SIZE_BYTES: '',
  }
  for (const [written, meant] of Object.entries(slips)) {
    const problem = problemsOf({ [written]: 'x' })[written]
    if (meant === '') t.equal(problem, undefined, `${written} is too far from any name`)
    else t.equal(problem, `is not a variable of this service; did you mean ${meant}?`, written)
  }
})

t.test('every name of ours with one letter missing, doubled or swapped is noticed', async (t) => {
  const names = Object.keys(variables)
  const taken = new Set(names.flatMap((name) => [name, `${name}_FILE`]))
  for (const name of names) {
    for (let index = 1; index < name.length; index += 1) {
      const [first = '', second = ''] = [name[index - 1], name[index]]
      const spelt = [
        name.slice(0, index) + name.slice(index + 1),
        name.slice(0, index) + second + name.slice(index),
        name.slice(0, index - 1) + second + first + name.slice(index + 1),
      ]
      for (const written of spelt.filter((text) => !taken.has(text))) {
        if (problemsOf({ [written]: 'x' })[written] === undefined)
          return t.fail(`${written} passes for ${name}`)
      }
    }
  }
  t.pass(`of ${names.length} names`)
})

t.test("what begins like ours and is nobody's is ignored, and said", async (t) => {
  const loaded = load({
    SERVICE_COLOUR_SCHEME_NAME: 'x',
    INTUNE_OWNER: 'y',
    UNRELATED: 'z',
    INTUNE_EMPTY: '',
  })
  t.match(loaded.ok && loaded.notices.filter((notice) => /is ignored/.test(notice)), [
    /^SERVICE_COLOUR_SCHEME_NAME is not a variable/,
    /^INTUNE_OWNER is not a variable/,
  ])
  t.same(problemsOf({ INTUNE_TENNANT_ID: '' }), {}, 'what is empty is not set')
})
