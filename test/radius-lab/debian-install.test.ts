import { spawnSync } from 'node:child_process'
import { accessSync, constants, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { peersMissing } from './lab.ts'

const root = join(import.meta.dirname, '../..')
const debian = '/etc/freeradius/3.0'

t.test(
  "the steps of docs/freeradius.md fit Debian's unmodified configuration",
  { skip: skipped() },
  async (t) => {
    const directory = t.testdir({ log: {}, run: {} })
    const raddb = join(directory, 'raddb')
    cpSync(debian, raddb, { recursive: true, verbatimSymlinks: true })
    const page = readFileSync(join(root, 'docs/freeradius.md'), 'utf8')
    const steps = /```sh\n( +raddb=[\s\S]*?)```/.exec(page)?.[1] ?? ''
    t.match(steps, /sites-enabled/, 'the page has the steps')
    const script = steps
      .replaceAll(debian, raddb)
      .replaceAll('/var/log/freeradius', join(directory, 'log'))
      .replaceAll('-o freerad -g freerad ', '')
    const played = spawnSync('bash', ['-euc', script], { cwd: root, encoding: 'utf8' })
    t.equal(played.status, 0, played.stderr)

    const authority = await createCertificateAuthority({ commonName: 'root' })
    const server = await issueServerCertificate(authority, { commonName: 'radius' })
    mkdirSync(join(raddb, 'certs'), { recursive: true })
    const files = {
      'nac-service-ca.pem': authority.certificatePem,
      'nac-device-ca.pem': authority.certificatePem,
      'nac-eap-server.pem': server.certificatePem,
      'nac-eap-server.key': server.privateKeyPem,
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(raddb, 'certs', name), text)
    const main = join(raddb, 'radiusd.conf')
    // The copy belongs to whoever runs the test, so it must not change to Debian's user.
    const text = readFileSync(main, 'utf8')
      .replaceAll(/^\s*(?:user|group) = freerad$/gm, '')
      .replace(/^raddbdir = .*$/m, `raddbdir = ${raddb}`)
      .replace(/^logdir = .*$/m, `logdir = ${join(directory, 'log')}`)
      .replace(/^run_dir = .*$/m, `run_dir = ${join(directory, 'run')}`)
    writeFileSync(main, text)
    const checked = spawnSync('/usr/sbin/freeradius', ['-XC', '-d', raddb], { encoding: 'utf8' })
    t.equal(checked.status, 0, checked.stdout.slice(-2000))
    t.match(checked.stdout, /Configuration appears to be OK/)
    t.match(checked.stdout, /server nac \{ # from file .*sites-enabled\/nac/)
  },
)

t.test('no plain name in an answer is an attribute of a dictionary', { skip: peersMissing }, async (t) => {
  const folder = '/usr/share/freeradius'
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
  const attributes = new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/^ATTRIBUTE\s+(\S+)/gm)].map(([, name = '']) => name.toLowerCase()),
    ),
  )
  t.ok(attributes.has('class') && attributes.has('state'), 'the dictionaries were read')
  for (const name of ['decision', 'reason', 'decisionId', 'errorCode', 'field', 'detail', 'remedy']) {
    t.notOk(attributes.has(name.toLowerCase()), name)
  }
})

/** Debian's files are for its own user and root. */
function skipped(): string | false {
  if (peersMissing !== false) return peersMissing
  try {
    accessSync(join(debian, 'radiusd.conf'), constants.R_OK)
    return false
  } catch {
    return `NOT RUN: ${debian} cannot be read by this user`
  }
}
