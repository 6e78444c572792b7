import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inBackground } from '../background.ts'
import type { CertificateAndKey } from '../certificates/certificate.ts'
import { makeDirectory } from '../files/make-directory.ts'

/** The site of deploy/, which the lab runs as it is but for addresses and the password. */
const deployed = join(import.meta.dirname, '../../deploy/freeradius')

/** Debian calls it freeradius, everybody else radiusd. */
const binaries = ['/usr/sbin/freeradius', '/usr/sbin/radiusd']

/** What a private FreeRADIUS is given. */
export interface FreeradiusOptions {
  /** An empty folder for its configuration, certificates and state. */
  readonly directory: string
  readonly serviceUrl: string
  /** The password of the client `freeradius` of the service. */
  readonly password: string
  /** What it shows to supplicants. */
  readonly eapServer: CertificateAndKey
  /** The root of the device certificates. */
  readonly deviceCaPem: string
  /** The root of the service's own certificate; only with https. */
  readonly serviceCaPem?: string
  /** False: it keeps what it does to itself, and is as fast as in the field. */
  readonly verbose?: boolean
  /** Changes a deployed file on its way into the lab, for tests. */
  readonly adapt?: (file: string, text: string) => string
}

/** A FreeRADIUS of our own on loopback. */
export interface Freeradius {
  readonly authPort: number
  readonly accountingPort: number
  readonly secret: string
  /** Everything it wrote so far. */
  readonly log: () => string
  close(): Promise<void>
}

/** The shared secret of the lab; loopback only. */
const secret = 'lab-secret'

/** Writes a configuration from deploy/freeradius, starts FreeRADIUS as the current user, resolves when it answers. */
export async function startFreeradius(options: FreeradiusOptions): Promise<Freeradius> {
  const binary = binaries.find((path) => existsSync(path))
  if (binary === undefined)
    throw new Error('FreeRADIUS is not installed (Debian: freeradius, freeradius-rest)')
  const [authPort, accountingPort] = [await freeUdpPort(), await freeUdpPort()]
  writeConfiguration(options, authPort, accountingPort)
  // -xx tells what it does and, unlike -X, keeps its threads.
  const verbosity = options.verbose === false ? [] : ['-xx']
  const args = ['-f', ...verbosity, '-l', 'stdout', '-d', options.directory, '-n', 'radiusd']
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const log = () => chunks.join('')
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  await new Promise<void>((resolve, reject) => {
    const notice = (chunk: Buffer) => {
      chunks.push(chunk.toString())
      if (chunk.includes('Ready to process requests')) resolve()
    }
    child.stdout.on('data', notice)
    child.stderr.on('data', notice)
    child.once('error', reject)
    inBackground('lab', async () => {
      await exited
      reject(new Error(`FreeRADIUS did not start:\n${log().slice(-4000)}`))
    })
  })
  return {
    authPort,
    accountingPort,
    secret,
    log,
    async close() {
      process.off('exit', killWithUs)
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 3000)
      await exited
      clearTimeout(late)
    },
  }
}

function writeConfiguration(options: FreeradiusOptions, authPort: number, accountingPort: number): void {
  const { directory, eapServer } = options
  const path = (name: string) => join(directory, name)
  for (const folder of ['certs', 'tlscache', 'run']) makeDirectory(path(folder))
  const copy = (file: string, to: string, edits: readonly (readonly [string, string])[] = []) => {
    let text = readFileSync(join(deployed, file), 'utf8')
    for (const [from, value] of edits) {
      if (!text.includes(from)) throw new Error(`deploy/freeradius/${file} does not have the line ${from}`)
      text = text.replaceAll(from, value)
    }
    makeDirectory(join(path(to), '..'), 0o777)
    writeFileSync(path(to), options.adapt?.(file, text) ?? text, { mode: 0o600 })
  }
  copy('mods-available/rest_nac', 'mods-enabled/rest_nac', [
    ['https://nac.example.com:8443', options.serviceUrl],
    ['the-password-of-this-client', options.password],
  ])
  copy('mods-available/eap_nac', 'mods-enabled/eap_nac')
  copy('policy.d/nac', 'policy.d/nac')
  copy('dictionary.nac', 'dictionary.nac')
  copy('sites-available/nac', 'sites-enabled/nac', [
    ['ipaddr = *', 'ipaddr = 127.0.0.1'],
    ['type = auth', `type = auth\n\t\tport = ${authPort}`],
    ['type = acct', `type = acct\n\t\tport = ${accountingPort}`],
    ['\t\tport = 0\n', ''],
  ])
  writeFileSync(path('dictionary'), '$INCLUDE dictionary.nac\n')
  writeFileSync(path('certs/nac-eap-server.pem'), eapServer.certificatePem)
  writeFileSync(path('certs/nac-eap-server.key'), eapServer.privateKeyPem, { mode: 0o600 })
  writeFileSync(path('certs/nac-device-ca.pem'), options.deviceCaPem)
  writeFileSync(path('certs/nac-service-ca.pem'), options.serviceCaPem ?? options.deviceCaPem)
  writeFileSync(path('access_reject'), accessReject)
  writeFileSync(path('radiusd.conf'), radiusdConf(directory))
}

/** What Debian's mods-config/attr_filter/access_reject keeps in an Access-Reject; that file is for its own user only. */
const accessReject = `DEFAULT
\tEAP-Message =* ANY,
\tState =* ANY,
\tMessage-Authenticator =* ANY,
\tReply-Message =* ANY,
\tProxy-State =* ANY
`

/** The part of Debian's radiusd.conf that the site needs, with every path inside one folder. */
function radiusdConf(directory: string): string {
  return `name = radiusd
raddbdir = "${directory}"
confdir = "${directory}"
certdir = "${directory}/certs"
logdir = "${directory}"
run_dir = "${directory}/run"
libdir = /usr/lib/freeradius
pidfile = "${directory}/run/radiusd.pid"
max_request_time = 30
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log {
	destination = stdout
	auth = no
}
security {
	max_attributes = 200
	# 1 in the field; nobody guesses passwords in the lab.
	reject_delay = 0
	status_server = yes
}
proxy_requests = no
client lab {
	ipaddr = 127.0.0.1
	secret = "${secret}"
	shortname = lab
}
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
	auto_limit_acct = no
}
modules {
${['reject', 'fail', 'ok', 'invalid', 'notfound', 'noop'].map((code) => `\talways ${code} {\n\t\trcode = ${code}\n\t}`).join('\n')}
	expr {
		safe_characters = "@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_: /"
	}
	# Debian enables it by default, so %{exec:...} in a text would run if anything expanded it.
	exec {
		wait = yes
		input_pairs = request
		shell_escape = yes
		timeout = 10
	}
	attr_filter attr_filter.access_reject {
		key = "%{User-Name}"
		filename = "${directory}/access_reject"
	}
	$INCLUDE mods-enabled/
}
instantiate {
	exec
	expr
}
policy {
	$INCLUDE policy.d/
}
$INCLUDE sites-enabled/
`
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
