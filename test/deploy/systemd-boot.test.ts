import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createSelfSignedCertificate } from '../../src/certificates/certificate-authority.ts'
import { bootSystemd, whyNoSystemd } from './boot-systemd.ts'
import { edited, environmentOf, valuesOf } from './unit-environment.ts'

const root = join(import.meta.dirname, '../..')
const unit = readFileSync(join(root, 'deploy/systemd/intune-nac.service'), 'utf8')
const example = readFileSync(join(root, 'deploy/systemd/intune-nac.env.example'), 'utf8')
const reason = whyNoSystemd()
if (reason !== undefined) {
  console.error(`THE UNIT IS NOT BOOTED: ${reason}. Run this file as root on a Linux machine with systemd.`)
}

t.test(
  'the shipped unit runs under a real systemd',
  { skip: reason ?? false, timeout: 110_000 },
  async (t) => {
    const [app, service] = await Promise.all([
      createSelfSignedCertificate({ commonName: 'app' }),
      createSelfSignedCertificate({ commonName: 'nac.example' }),
    ])
    const files = {
      '/etc/systemd/system/intune-nac.service': unit,
      '/etc/systemd/system/boot.target': '[Unit]\nDescription=the unit alone\nRequires=basic.target\n',
      // No load balancer has to turn away here.
      '/etc/intune-nac/intune-nac.env': `${edited(example)}\nSHUTDOWN_GRACE_SECONDS=0\n`,
      '/etc/intune-nac/app.pem': app.certificatePem,
      '/etc/intune-nac/app.key': app.privateKeyPem,
      '/etc/intune-nac/service.pem': service.certificatePem,
      '/etc/intune-nac/service.key': service.privateKeyPem,
      '/etc/intune-nac/clients.yaml': 'clients: []\n',
      '/opt/intune-nac/package.json': readFileSync(join(root, 'package.json'), 'utf8'),
      // In place of the compiled files: the same code, whose types Node takes off.
      '/opt/intune-nac/dist/main.js': "import '../src/main.ts'\n",
    }
    const systemd = await bootSystemd(t, files, {
      [process.execPath]: '/usr/bin/node',
      [join(root, 'src')]: '/opt/intune-nac/src',
      [join(root, 'node_modules')]: '/opt/intune-nac/node_modules',
    })
    if (typeof systemd === 'string') {
      console.error(`THE UNIT IS NOT BOOTED: ${systemd}`)
      t.pass('systemd booted', { skip: systemd })
      return
    }
    const show = (property: string) =>
      systemd.run('systemctl', 'show', 'intune-nac', `--property=${property}`, '--value').out.trim()
    const journal = () => systemd.run('journalctl', '--unit=intune-nac', '--output=cat', '--no-pager').out
    const until = async (isDone: () => boolean, what: string) => {
      for (let attempt = 0; attempt < 200; attempt += 1) {
        if (isDone()) return t.pass(what)
        await pause(100)
      }
      t.fail(`${what}: ${show('ActiveState')}, ${show('Result')}, ${journal().slice(-1000)}${systemd.log()}`)
    }
    const ask = (path: string) =>
      systemd.run(
        'curl',
        '--silent',
        '--insecure',
        '--output',
        '/dev/null',
        '--write-out',
        '%{http_code}',
        `https://127.0.0.1:8080${path}`,
      ).out

    const started = systemd.run('systemctl', 'start', 'intune-nac')
    t.equal(started.code, 0, `${started.err}${systemd.log()}`)
    await until(() => journal().includes('"event":"listening"'), 'it listens')
    t.equal(show('ActiveState'), 'active')
    t.equal(ask('/livez'), '200')
    t.equal(ask('/v1/decision?mac=005056A4895A'), '401', 'HTTPS with the certificate of the credentials')

    const mainPid = show('MainPID')
    const environment = systemd.run('cat', `/proc/${mainPid}/environ`).out.split('\0').filter(Boolean)
    const names = environment.map((line) => line.slice(0, line.indexOf('=')))
    for (const name of [
      'STATE_DIRECTORY',
      'LOGS_DIRECTORY',
      'CREDENTIALS_DIRECTORY',
      'INVOCATION_ID',
      'JOURNAL_STREAM',
    ])
      t.ok(names.includes(name), `systemd gives it ${name}`)
    const foretold = Object.keys(environmentOf(unit, example))
    t.same(
      names.filter((name) => !foretold.includes(name)),
      [],
      'systemd gives it nothing that unit-environment.ts does not foretell',
    )

    t.match(
      systemd.run('ls', '/var/lib/private/intune-nac').out,
      /\.db|sqlite/,
      'its state is where StateDirectory says',
    )
    t.match(systemd.run('head', '-c', '200', '/var/log/private/intune-nac/decisions.log').out, /log_started/)
    const status = systemd.run('cat', `/proc/${mainPid}/status`).out
    t.match(status, /^Seccomp:\t2$/m, 'the filter of system calls is in force')
    t.match(status, /^CapEff:\t0+$/m, 'it has no capability')
    t.notMatch(status, /^Uid:\t0\t/m, 'it is not root')
    const secret = systemd.run(
      'nsenter',
      '--target',
      mainPid,
      '--mount',
      'ls',
      '-ln',
      '/run/credentials/intune-nac.service',
    ).out
    t.match(secret, /^-r-{8}.* app\.key$/m, 'nobody else can read the key')

    // Enough for the JIT compiler to write and run code, which MemoryDenyWriteExecute would end.
    const flood = systemd.run(
      'bash',
      '-c',
      "seq 400 | xargs -P4 -n100 sh -c 'for i; do echo url=https://127.0.0.1:8080/v1/decision?mac=$i; echo output=/dev/null; done | curl -ksK -' _",
    )
    t.ok(flood.code !== null)
    t.equal(show('ActiveState'), 'active', 'it lives through requests')
    t.equal(show('NRestarts'), '0')

    systemd.run('systemctl', 'kill', '--signal=SIGKILL', 'intune-nac')
    await until(() => show('NRestarts') === '1' && show('ActiveState') === 'active', 'killed, it comes back')
    await until(() => ask('/livez') === '200', 'and answers')

    t.equal(systemd.run('systemctl', 'stop', 'intune-nac').code, 0)
    t.equal(show('Result'), 'success', 'SIGTERM ends it in order')
    t.match(systemd.run('tail', '-1', '/var/log/private/intune-nac/decisions.log').out, /log_stopped/)

    for (const [line, said] of [
      ['Environment=INTUNE_CLOUD=mars', /INTUNE_CLOUD must be one of public, usgov/],
      ['Environment=NODE_TLS_REJECT_UNAUTHORIZED=0', /NODE_TLS_REJECT_UNAUTHORIZED is 0/],
    ] as const) {
      systemd.run(
        'bash',
        '-c',
        `mkdir -p /run/systemd/system/intune-nac.service.d && printf '[Service]\\n${line}\\n' > /run/systemd/system/intune-nac.service.d/x.conf && systemctl daemon-reload && systemctl reset-failed intune-nac; systemctl start intune-nac`,
      )
      await until(() => show('ActiveState') === 'failed', `${line}: it fails`)
      t.equal(show('ExecMainStatus'), '78')
      t.match(journal(), said)
      await pause(2500)
      t.equal(show('ActiveState'), 'failed', 'and is not tried again')
    }
    const dropIn =
      'Environment=LOG_NAMESPACE=nac SERVICE_RESULT=success\\nLogNamespace=nac\\nRuntimeDirectory=intune-nac\\nCacheDirectory=intune-nac\\nConfigurationDirectory=intune-nac'
    systemd.run(
      'bash',
      '-c',
      `printf '[Service]\\n${dropIn}\\n' > /run/systemd/system/intune-nac.service.d/x.conf && systemctl daemon-reload && systemctl reset-failed intune-nac; systemctl start intune-nac`,
    )
    await until(() => ask('/livez') === '200', 'with every directory that systemd announces it runs as well')
    t.ok(valuesOf(unit, 'ExecStart').length === 1)
  },
)
