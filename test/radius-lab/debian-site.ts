import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  accessSync,
  constants,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import type { Freeradius } from '../../src/cli/lab-freeradius.ts'
import type { LabStage } from '../../src/cli/lab-stage.ts'
import { peersMissing } from './lab.ts'

const debian = '/etc/freeradius/3.0'
/** The secret that Debian's clients.conf has for 127.0.0.1. */
const secret = 'testing123'

/** Who may log in with a password by TTLS and PEAP, as in the comments of Debian's users file. */
export const person = { name: 'alice', password: 'a-password' } as const

/** Where a site that is not ours asks the service. */
export interface DebianSite {
  readonly authorize?: 'before eap' | 'after eap'
  readonly preacct?: boolean
  readonly accounting?: boolean
  /** `first`: above the lines that copy the session state into the reply. */
  readonly postAuth?: 'first' | 'last'
  /** Inside the tunnel of TTLS and PEAP, whose reply becomes the reply to the NAS. */
  readonly innerAuthorize?: boolean
  /** In a virtual server that rlm_eap asks about the certificate, once it is verified (`virtual_server` of `tls`). */
  readonly certificateCheck?: boolean
}

/** The root that devices trust for the RADIUS server, and the server. */
export interface DebianFreeradius extends Freeradius {
  readonly serverCaPem: string
}

/** Debian's files are for its own user and root. */
export function debianSiteMissing(): string | false {
  if (peersMissing !== false) return peersMissing
  try {
    accessSync(join(debian, 'radiusd.conf'), constants.R_OK)
    return false
  } catch {
    return `NOT RUN: ${debian} cannot be read by this user`
  }
}

/** Starts FreeRADIUS with Debian's own configuration, its site `default`, and `rest` in the sections that `site` names. */
export async function debianFreeradius(
  t: Test,
  stage: LabStage,
  site: DebianSite,
): Promise<DebianFreeradius> {
  const directory = t.testdir({ log: {}, run: {} })
  const raddb = join(directory, 'raddb')
  cpSync(debian, raddb, { recursive: true, verbatimSymlinks: true })
  const [authPort, accountingPort] = [await freeUdpPort(), await freeUdpPort()]
  const edit = (file: string, change: (text: string) => string) => {
    const path = join(raddb, file)
    const before = readFileSync(path, 'utf8')
    const after = change(before)
    if (after === before) throw new Error(`Debian's ${file} does not have what the test changes`)
    writeFileSync(path, after)
  }
  const authority = await createCertificateAuthority({ commonName: 'root of the RADIUS server' })
  const server = await issueServerCertificate(authority, { commonName: 'radius' })
  mkdirSync(join(raddb, 'certs'), { recursive: true })
  const certificates = {
    'server.pem': server.certificatePem,
    'server.key': server.privateKeyPem,
    'devices.pem': stage.deviceAuthority.certificatePem,
    'service.pem': stage.serviceCaPem,
  }
  for (const [name, text] of Object.entries(certificates)) writeFileSync(join(raddb, 'certs', name), text)
  edit('radiusd.conf', (text) =>
    text
      // The copy belongs to whoever runs the test, so it must not change to Debian's user.
      .replaceAll(/^\s*(?:user|group) = freerad$/gm, '')
      .replace(/^raddbdir = .*$/m, `raddbdir = ${raddb}`)
      .replace(/^logdir = .*$/m, `logdir = ${join(directory, 'log')}`)
      .replace(/^run_dir = .*$/m, `run_dir = ${join(directory, 'run')}`)
      .replace('reject_delay = 1', 'reject_delay = 0'),
  )
  edit(
    'mods-config/files/authorize',
    (text) => `${person.name} Cleartext-Password := "${person.password}"\n${text}`,
  )
  edit('mods-available/eap', (text) => eapModule(text, site))
  writeFileSync(join(raddb, 'mods-enabled/rest'), restModule(stage))
  edit('sites-available/inner-tunnel', (text) => {
    const quiet = text.replace(/^listen \{[\s\S]*?^\}/m, '')
    return site.innerAuthorize ? quiet.replace(/^authorize \{/m, 'authorize {\n\trest') : quiet
  })
  if (site.certificateCheck) {
    const accept = 'update control {\n\t\t&Auth-Type := Accept\n\t}'
    const check = `server check-nac {\nauthorize {\n\trest\n\t${accept}\n}\n}\n`
    writeFileSync(join(raddb, 'sites-enabled/check-nac'), check)
  }
  edit('sites-available/default', (text) => defaultSite(text, site, authPort, accountingPort))
  for (const name of readdirSync(join(raddb, 'sites-enabled'))) {
    if (!['default', 'inner-tunnel', 'check-nac'].includes(name)) rmSync(join(raddb, 'sites-enabled', name))
  }
  return {
    ...(await start(t, raddb)),
    authPort,
    accountingPort,
    secret,
    serverCaPem: authority.certificatePem,
  }
}

function eapModule(text: string, site: DebianSite): string {
  const file = (name: string) => (_line: string, setting: string) => `${setting}\${certdir}/${name}`
  return text
    .replaceAll(/^\s*private_key_password = .*$/gm, '')
    .replaceAll(/^(\s*private_key_file = ).*$/gm, file('server.key'))
    .replaceAll(/^(\s*certificate_file = ).*$/gm, file('server.pem'))
    .replaceAll(/^(\s*ca_file = ).*$/gm, file('devices.pem'))
    .replaceAll(
      /^(\s*(?:copy_request_to_tunnel|use_tunneled_reply) = )no$/gm,
      site.innerAuthorize ? '$1yes' : '$&',
    )
    .replace(/^\ttls \{$/m, site.certificateCheck ? '$&\n\t\tvirtual_server = check-nac' : '$&')
}

function defaultSite(text: string, site: DebianSite, authPort: number, accountingPort: number): string {
  let edited = text
    .replaceAll(/^listen \{[\s\S]*?^\}/gm, '')
    .replace(
      /^authorize \{/m,
      `listen {\n\ttype = auth\n\tipaddr = 127.0.0.1\n\tport = ${authPort}\n}\nlisten {\n\ttype = acct\n\tipaddr = 127.0.0.1\n\tport = ${accountingPort}\n}\nauthorize {`,
    )
  const insert = (where: RegExp, lines: string) => {
    if (!where.test(edited)) throw new Error(`Debian's default site does not match ${where}`)
    edited = edited.replace(where, lines)
  }
  if (site.authorize === 'before eap') insert(/^authorize \{/m, 'authorize {\n\trest')
  if (site.authorize === 'after eap') insert(/^\teap \{[^}]*^\t\}/m, '\teap\n\trest')
  if (site.preacct) insert(/^preacct \{/m, 'preacct {\n\trest')
  if (site.accounting) insert(/^accounting \{/m, 'accounting {\n\trest')
  if (site.postAuth === 'first') insert(/^post-auth \{/m, 'post-auth {\n\trest')
  if (site.postAuth === 'last') insert(/^\tPost-Auth-Type REJECT \{/m, '\trest\n\tPost-Auth-Type REJECT {')
  return edited
}

/** An rlm_rest as its own example has it, with a section for each that may ask. */
function restModule({ serviceUrl, credentials }: LabStage): string {
  const password = credentials.slice(credentials.indexOf(':') + 1)
  const section = (name: string) => `
	${name} {
		uri = "${serviceUrl}/v1/radius/${name}"
		method = 'post'
		body = 'json'
		chunk = 8192
		auth = 'basic'
		username = "freeradius"
		password = "${password}"
		tls = \${..tls}
		timeout = 10.0
	}`
  return `rest {
	tls {
		ca_info_file = \${certdir}/service.pem
	}
${['authorize', 'preacct', 'accounting', 'post-auth', 'pre-proxy', 'post-proxy'].map(section).join('')}
	pool {
		start = 0
		min = 0
		max = 10
		spare = 3
		retry_delay = 1
	}
}
`
}

async function start(t: Test, raddb: string): Promise<Pick<Freeradius, 'log' | 'close'>> {
  const args = ['-f', '-xx', '-l', 'stdout', '-d', raddb]
  const child = spawn('/usr/sbin/freeradius', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  const log = () => chunks.join('')
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const close = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(close)
  await new Promise<void>((resolve, reject) => {
    const notice = (chunk: Buffer) => {
      chunks.push(chunk.toString())
      if (chunk.includes('Ready to process requests')) resolve()
    }
    child.stdout.on('data', notice)
    child.stderr.on('data', notice)
    child.once('error', reject)
    child.once('close', () => reject(new Error(`FreeRADIUS did not start:\n${log().slice(-4000)}`)))
  })
  return { log, close }
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}
