import t from 'tap'
import { nearestIdentifierName } from '../../src/identity/nearest-identifier.ts'

const names = ['deviceId', 'certificateSan', 'certificateCn', 'serialNumber', 'imei', 'meid', 'udid', 'mac']

t.test(
  'what other products and people call an identifier leads to its name, however it is spelt',
  async (t) => {
    const called: Readonly<Record<string, string>> = {
      macAddress: 'mac',
      'MAC Address': 'mac',
      'Calling-Station-Id': 'mac',
      guid: 'deviceId',
      id: 'deviceId',
      intune_device_id: 'deviceId',
      serial: 'serialNumber',
      SAN: 'certificateSan',
      'cert-san': 'certificateSan',
      CN: 'certificateCn',
      certCn: 'certificateCn',
    }
    for (const [wrong, right] of Object.entries(called)) {
      t.equal(nearestIdentifierName(wrong, names), right, wrong)
    }
  },
)

t.test('a name that is misspelt leads to the one that it is nearest to', async (t) => {
  t.equal(nearestIdentifierName('imie', names), 'imei')
  t.equal(nearestIdentifierName('device id', names), 'deviceId')
})

t.test('where no accepted name is meant, none is proposed', async (t) => {
  for (const wrong of ['x', '', 'constructor', 'toString', 'vlan']) {
    t.equal(nearestIdentifierName(wrong, names), undefined, wrong)
  }
  t.equal(nearestIdentifierName('guid', ['mac', 'serialNumber']), undefined, 'a meaning that is not accepted')
  t.equal(nearestIdentifierName('guid', ['mac', 'udid']), 'udid', 'but a name that is near is')
})
