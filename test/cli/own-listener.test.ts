import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import {
  createCertificateAuthority,
  issueServerCertificate,
} from '../../src/certificates/certificate-authority.ts'
import { runCommand } from '../../src/cli/run-command.ts'

t.test(
  'health and why believe the very certificate of the listener, and no other of its authority',
  async (t) => {
    const authority = await createCertificateAuthority({ commonName: 'Issuing' })
    const issue = (name: string) => issueServerCertificate(authority, { commonName: name, dnsNames: [name] })
    const [own, printer] = [await issue('nac.example'), await issue('printer.example')]
    const directory = t.testdir({
      // The authority stands behind the certificate, as in the file of any server.
      'nac.pem': `${own.certificatePem}${authority.certificatePem}`,
      'nac.key': own.privateKeyPem,
      'ca.pem': authority.certificatePem,
      password: 'secret-password',
    })
    const at = (name: string) => join(directory, name)
    const seen: string[] = []
    async function listen({ certificatePem: cert, privateKeyPem: key }: typeof own) {
      const server = createServer({ cert, key }, (request, reply) => {
        seen.push(request.headers.authorization ?? 'nothing')
        reply.setHeader('content-type', 'application/json')
        reply.end(JSON.stringify({ status: 'ready', checks: { upstream: { status: 'ok' } }, decisions: [] }))
      }).listen(0, '127.0.0.1')
      t.teardown(() => server.close())
      await new Promise((resolve) => server.once('listening', resolve))
      return String((server.address() as AddressInfo).port)
    }
    const credentials = ['--user', 'operator', '--password-file', at('password')]
    const run = async (args: readonly string[], MANAGEMENT_PORT = '9090') => {
      const err: string[] = []
      const environment = {
        MANAGEMENT_PORT,
        MANAGEMENT_TLS_CERTIFICATE_FILE: at('nac.pem'),
        MANAGEMENT_TLS_PRIVATE_KEY_FILE: at('nac.key'),
      }
      const code = await runCommand(args, {
        environment,
        out: () => {},
        err: (text) => void err.push(text),
      })
      return { code, err: err.join('\n') }
    }
    const ours = await listen(own)
    t.match(await run(['health', '--verbose'], ours), { code: 0 })
    t.match(await run(['why', 'mac=00:50:56:A4:89:5A', ...credentials], ours), {
      code: 1,
      err: /No decision is known for 00:50:56:A4:89:5A/,
    })
    t.equal(seen.length, 2)
    const theirs = await listen(printer)
    t.match(await run(['health', '--verbose'], theirs), { code: 1, err: /no answer/ })
    t.match(await run(['why', '00:50:56:A4:89:5A', ...credentials], theirs), {
      code: 1,
      err: /gave no answer that can be read: /,
    })
    t.equal(seen.filter((sent) => sent !== 'nothing').length, 1, 'and nobody else is given the password')

    const url = `https://nac.example:${ours}`
    t.match(await run(['why', '00:50:56:A4:89:5A', '--url', url, '--ca-file', at('password')]), { code: 2 })
    const byAddress = ['why', '00:50:56:A4:89:5A', '--url', `https://127.0.0.1:${ours}`]
    t.match(
      await run(byAddress),
      { code: 1, err: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/ },
      'the cause',
    )
    t.match(await run([...byAddress, '--ca-file', at('ca.pem')]), { code: 1, err: /ALTNAME/ }, 'names count')
  },
)
