import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { peersMissing } from '../radius-lab/lab.ts'
import { capturedFreeradius, rootName } from './captured-freeradius.ts'
import { alice, chosenNames, intuneNames } from './chosen-names.ts'
import { type Attributes, certificateAttributes, netscapeComment } from './freeradius-model.ts'
import { type ChosenNames, commonName } from './lenient-authority.ts'

const wanted = /^TLS-Client-Cert-(Subject|Common-Name|Subject-Alt-Name-\w+|X509v3-Subject-Alternative-Name)$/

function namesIn(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => wanted.test(name)))
}

/** One name that runs over the buffer and writes an attribute of its own behind it. */
function overrun(attribute: string, value: string): string {
  return `${'x'.repeat(1023 - 'DNS:'.length)}${`${attribute}:`.padEnd(1007, '0')}${value}`
}

const known: readonly ChosenNames[] = [
  { subject: [commonName('Bob')], san: [{ dns: 'x'.repeat(1100) }, { uri: `IntuneDeviceId://${alice.id}` }] },
  {
    subject: [commonName('Bob')],
    san: [{ dns: overrun('X509v3-Subject-Alternative-Name', `URI:${alice.id}, DNS:x`) }],
  },
  { subject: [commonName('Bob')], san: [{ dns: overrun('Common-Name', alice.id) }] },
  {
    subject: [commonName('Bob')],
    san: [{ dns: 'y, URI:z\\' }, { dns: 'y' }],
    extensionsAfter: [[netscapeComment, 'c']],
  },
]

// Real programs on a machine that may be busy.
t.setTimeout(0)

t.test(
  'the model of FreeRADIUS 3.2.1 says what the real one says',
  { skip: peersMissing, timeout: 0 },
  async (t) => {
    const play = await capturedFreeradius(t)
    const seeds = [20_261_123, randomInt(2 ** 31)]
    const sampled = seeds.flatMap((seed) => [
      ...fc.sample(chosenNames, { seed, numRuns: 20 }),
      ...fc.sample(intuneNames, { seed, numRuns: 4 }),
    ])
    t.comment(`seeds ${seeds.join(', ')}`)
    for (const names of [...known, ...sampled]) {
      const [body] = await play(names)
      const expected = certificateAttributes(names, rootName)
      t.strictSame(body && namesIn(body), expected, JSON.stringify(names).slice(0, 300))
    }
    for (const names of fc.sample(chosenNames, { seed: 7, numRuns: 6 })) {
      const [first, resumed] = await play(names, 1)
      t.match(resumed, { 'EAP-Session-Resumed': ['yes'] })
      t.strictSame(namesIn(resumed ?? {}), namesIn(first ?? {}), 'a resumed session says the same')
    }
  },
)
