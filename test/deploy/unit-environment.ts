/** The example of the env file after the edit that it asks for. */
export function edited(example: string): string {
  return example
    .replace(/^INTUNE_TENANT_ID=$/m, 'INTUNE_TENANT_ID=contoso.example')
    .replace(/^INTUNE_CLIENT_ID=$/m, 'INTUNE_CLIENT_ID=0d1f6e1a-0b3c-4d5e-8f70-112233445566')
}

/** Every value of one setting of a unit, in the order of the file. */
export function valuesOf(unit: string, name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map((match) => match[1] ?? '')
}

/**
 * The environment in which systemd runs the command of a unit: what systemd.exec(5), "Environment variables set or
 * propagated by the service manager", derives from its settings, and what Environment= and EnvironmentFile= add.
 */
export function environmentOf(unit: string, environmentFile: string): Record<string, string> {
  const has = (name: string) => valuesOf(unit, name).length > 0
  const environment: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
    LANG: 'C.UTF-8',
    INVOCATION_ID: '84ee1b55f333437aaed60823165d89b8',
    SYSTEMD_EXEC_PID: '74',
  }
  for (const [setting, variable, parent] of directories) {
    const paths = valuesOf(unit, setting).flatMap((value) => value.split(' '))
    if (paths.length > 0) environment[variable] = paths.map((path) => `${parent}/${path}`).join(':')
  }
  if (has('LoadCredential') || has('SetCredential') || has('LoadCredentialEncrypted')) {
    environment.CREDENTIALS_DIRECTORY = '/run/credentials/intune-nac.service'
  }
  if (has('User') || valuesOf(unit, 'DynamicUser').includes('yes')) {
    Object.assign(environment, { USER: 'intune-nac', LOGNAME: 'intune-nac', HOME: '/', SHELL: '/bin/sh' })
  }
  if (!has('StandardOutput')) environment.JOURNAL_STREAM = '8:12345'
  if (/^Type=notify/m.test(unit)) environment.NOTIFY_SOCKET = '/run/systemd/notify'
  if (has('WatchdogSec')) Object.assign(environment, { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '74' })
  if (has('LogNamespace')) environment.LOG_NAMESPACE = valuesOf(unit, 'LogNamespace')[0] ?? ''
  if (has('MemoryMax') || has('MemoryHigh') || has('MemoryPressureWatch')) {
    // Since version 254, where the controller is there.
    environment.MEMORY_PRESSURE_WATCH = '/sys/fs/cgroup/system.slice/intune-nac.service/memory.pressure'
    environment.MEMORY_PRESSURE_WRITE = 'c29tZSAyMDAwMDAgMjAwMDAwMAA='
  }
  for (const line of [...valuesOf(unit, 'Environment'), ...environmentFile.split('\n')]) {
    const found = /^([A-Z_][A-Z0-9_]*)=(.*)$/.exec(line)
    if (found !== null) environment[found[1] ?? ''] = specified(found[2] ?? '')
  }
  return environment
}

const directories = [
  ['RuntimeDirectory', 'RUNTIME_DIRECTORY', '/run'],
  ['StateDirectory', 'STATE_DIRECTORY', '/var/lib'],
  ['CacheDirectory', 'CACHE_DIRECTORY', '/var/cache'],
  ['LogsDirectory', 'LOGS_DIRECTORY', '/var/log'],
  ['ConfigurationDirectory', 'CONFIGURATION_DIRECTORY', '/etc'],
] as const

/** The specifiers of systemd.unit(5) that the unit uses. */
function specified(value: string): string {
  return value
    .replaceAll('%d', '/run/credentials/intune-nac.service')
    .replaceAll('%S', '/var/lib')
    .replaceAll('%L', '/var/log')
}
