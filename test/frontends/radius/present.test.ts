import t from 'tap'
import type { Decision } from '../../../src/decision/decision.ts'
import { compileProfile } from '../../../src/decision/policy-profile.ts'
import { presentDecision, type ReplyForm } from '../../../src/frontends/radius/present.ts'

const decision: Decision = {
  decisionId: 'd-1',
  outcome: 'allow',
  reason: 'compliant',
  complianceState: 'compliant',
  enrolled: true,
  matchedBy: 'mac',
  device: '005056A4895A',
  source: 'cache',
  ageMs: 0,
  stale: false,
  expiresInMs: 0,
}

function present(profile: Decision['profile'], dialect: 'v3' | 'v4') {
  const form = {
    section: 'post-auth',
    place: 'reply',
    dialect,
    denial: 'status',
    macAuthentication: false,
  } as const
  return presentDecision({ ...decision, ...(profile && { profile }) }, form)
}

/** A profile without placeholders, as policy gives it to every decision. */
function fixedProfile(value: string) {
  const attributes = [{ name: 'Filter-Id', values: [value] }]
  return compileProfile({ name: value, attributes }).fill(() => {
    throw new Error('there is nothing to fill in')
  })
}

t.test('a profile that is the same in every decision is written in each dialect, every time', async (t) => {
  const [staff, guests] = [fixedProfile('staff'), fixedProfile('guests')]
  for (const round of [1, 2]) {
    for (const profile of [staff, guests]) {
      const attribute = { op: ':=', do_xlat: false, value: [profile.name] }
      t.match(
        present(profile, 'v3').answer,
        { status: 200, body: { 'reply:Filter-Id': attribute } },
        `${round}`,
      )
      t.match(
        present(profile, 'v4').answer,
        { status: 200, body: { 'reply.Filter-Id': attribute } },
        `${round}`,
      )
    }
  }
})

t.test('one that cannot be written is refused every time', async (t) => {
  const profile = fixedProfile('x'.repeat(300))
  for (const round of [1, 2]) {
    t.match(
      present(profile, 'v3'),
      {
        answer: { status: 401 },
        sent: 'reject',
        fault: { code: 'configuration_invalid', field: 'Filter-Id' },
      },
      `${round}`,
    )
  }
})

t.test('a profile that is filled in anew is written anew', async (t) => {
  const placeholder = { maxBytes: 253, parts: [{ placeholder: 'device' as const }] }
  const template = compileProfile({ name: 'x', attributes: [{ name: 'Filter-Id', values: [placeholder] }] })
  for (const device of ['005056A4895A', '005056A4895B']) {
    const profile = template.fill(() => ({ decisionId: '', device, reason: '', message: '', url: '' }))
    t.match(present(profile, 'v3').answer.body, { 'reply:Filter-Id': { value: [device] } })
  }
})

t.test('what every Accept carries follows the decision, the reason and the dialect', async (t) => {
  for (const [dialect, mark] of [
    ['v3', ':'],
    ['v4', '.'],
  ] as const) {
    const form = {
      section: 'authorize',
      place: 'reply',
      dialect,
      denial: 'status',
      macAuthentication: true,
    } as const
    const control = (value: string) => ({ op: ':=', do_xlat: false, value: [value] })
    t.strictSame(presentDecision({ ...decision, reason: 'in_grace_period' }, form).answer, {
      status: 200,
      body: {
        decision: 'allow',
        reason: 'in_grace_period',
        decisionId: 'd-1',
        [`control${mark}Auth-Type`]: control('Accept'),
        [`control${mark}NAC-Decision`]: control('allow'),
        [`control${mark}NAC-Reason`]: control('in_grace_period'),
      },
    })
  }
})

t.test('what is sent follows the answer, not the decision', async (t) => {
  const forms = ['status', 'control'].flatMap((denial) =>
    (['authorize', 'post-auth'] as const).map(
      (section) => ({ section, dialect: 'v3', denial, macAuthentication: true, place: 'reply' }) as ReplyForm,
    ),
  )
  for (const form of forms) {
    const sent = (different: Partial<Decision>) => presentDecision({ ...decision, ...different }, form).sent
    t.equal(sent({}), 'accept')
    t.equal(sent({ outcome: 'remediate' }), 'reject', 'there is no place to repair it')
    t.equal(sent({ outcome: 'remediate', profile: { name: 'empty', attributes: [] } }), 'reject')
    t.equal(sent({ outcome: 'remediate', profile: fixedProfile('quarantine') }), 'redirect')
    t.equal(sent({ outcome: 'remediate', profile: fixedProfile('x'.repeat(300)) }), 'reject')
    t.equal(sent({ profile: fixedProfile('x'.repeat(300)) }), 'reject', 'it cannot be written')
    t.equal(sent({ outcome: 'deny' }), 'reject')
    t.equal(sent({ outcome: 'fail', reason: 'intune_unavailable' }), 'unavailable')
    const midway = { ...form, isEapUnderWay: true }
    t.equal(presentDecision(decision, midway).sent, undefined)
    t.equal(presentDecision({ ...decision, outcome: 'deny' }, midway).sent, 'reject')
  }
})
