import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { exitCodes } from './command.ts'
import type { CommandForm } from './command-form.ts'
import { defineCommand } from './command-line.ts'
import { type LabStage, startLab } from './lab-stage.ts'
import { playLabStory } from './lab-story.ts'
import { samples } from './sample-devices.ts'

const installer = join(import.meta.dirname, '../../scripts/install-test-peers.sh')

const form = {
  name: 'lab',
  usage: ['[--once]'],
  does: [
    'Simulated Intune, the service and a private FreeRADIUS with the site of deploy/freeradius, all on',
    'loopback: plays MAB and EAP-TLS, prints who landed in which VLAN, and stays up until Ctrl-C with the',
    'commands to try.',
    'Run as root it installs FreeRADIUS and eapol_test where they are missing.',
  ],
  options: { once: { type: 'boolean', default: false, meaning: 'end after the story' } },
  examples: ['lab --once'],
  exitCodes: {
    0: 'stopped; with --once: everyone is where they must be',
    1: 'a program is missing; with --once: someone is elsewhere',
  },
} as const satisfies CommandForm

/** `intune-nac lab` */
export const lab = defineCommand(form, async ({ values }, context) => {
  if (!installPeers()) {
    context.err(
      'The lab needs FreeRADIUS and eapol_test (Debian: freeradius freeradius-rest freeradius-utils eapoltest).',
    )
    return exitCodes.no
  }
  let stage: LabStage | undefined
  // Listened for from the start: a lab that is stopped while it plays must not leave a FreeRADIUS behind.
  let onSignal = () => {}
  const signalled = new Promise<void>((resolve) => {
    onSignal = resolve
  })
  const grace = closeWithGrace({ delay: 5_000, logger: false }, async () => {
    await stage?.close()
    onSignal()
  })
  try {
    stage = await startLab()
    const fine = await playLabStory(stage, context.out)
    if (values.once) return fine ? exitCodes.fine : exitCodes.no
    context.out(await invitation(stage))
    await signalled
    return exitCodes.fine
  } finally {
    await stage?.close()
    grace.uninstall()
  }
})

/** Runs the project's script, which installs what is missing as root and otherwise names it. */
function installPeers(): boolean {
  // The image has neither the script nor a use for it.
  if (!existsSync(installer)) return existsSync('/usr/sbin/freeradius') && existsSync('/usr/bin/eapol_test')
  return spawnSync('bash', [installer], { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

async function invitation(stage: LabStage): Promise<string> {
  const { radius, simulator } = stage
  const directory = join(stage.directory, 'alice')
  mkdirSync(directory)
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const san = `ID:Microsoft Endpoint Manager:GUID:${samples.alice.deviceId}`
  const certificate = await stage.issueCertificate('alice', [san])
  const configuration = file(
    'eap.conf',
    `network={
  key_mgmt=IEEE8021X
  eap=TLS
  identity="host/alice.corp.example"
  ca_cert="${file('ca.pem', stage.serviceCaPem)}"
  client_cert="${file('client.pem', certificate.certificatePem)}"
  private_key="${file('client.key', certificate.privateKeyPem)}"
}
`,
  )
  const mab =
    "User-Name = '3408bc507c78', Service-Type = Call-Check, Calling-Station-Id = '34-08-BC-50-7C-78'"
  return `
FreeRADIUS listens on 127.0.0.1:${radius.authPort} (secret ${radius.secret}), the service at ${stage.serviceUrl}. Ctrl-C stops everything.

Bob's laptop as a switch would ask for it:
  echo "${mab}" | radclient -x 127.0.0.1:${radius.authPort} auth ${radius.secret}
Alice's laptop with its certificate:
  eapol_test -c ${configuration} -a 127.0.0.1 -p ${radius.authPort} -s ${radius.secret} -M 00:50:56:a4:89:5a
Make it noncompliant, and ask again a second later:
  curl -sk -X PATCH ${simulator.origin}/control/devices/${samples.alice.deviceId} -H 'content-type: application/json' -d '{"complianceState":"noncompliant"}'
The policy, read again whenever you save it:
  ${stage.policyFile}`
}
