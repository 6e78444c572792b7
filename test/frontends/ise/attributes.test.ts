import t from 'tap'
import { presentAttributes } from '../../../src/frontends/ise/attributes.ts'

const facts = { registered: true, compliant: true, failureReason: '', remediation: '', macs: [] }

for (const [details, expected] of [
  [{ operatingSystem: 'Android', osVersion: '14' }, '<os_version>Android 14</os_version>'],
  [{ operatingSystem: 'Android' }, '<os_version>Android</os_version>'],
  [{ osVersion: '14' }, '<os_version>14</os_version>'],
  [{ operatingSystem: '', osVersion: '14' }, '<os_version>14</os_version>'],
  [{}, ''],
] as const) {
  t.test(`of ${JSON.stringify(details)} the version of the system is "${expected}"`, async (t) => {
    const { xml } = presentAttributes({ ...facts, details }, 3, new Set(['os_version']))
    t.equal(xml, `<attributes>${expected}</attributes>`)
  })
}
