import t from 'tap'
import { identifierKey, otherKeyOfDeviceId, splitKey } from '../../src/identity/device-identity.ts'

const id = '3eeb9e62-cec9-4dd8-9dd6-74903695a62b'

t.test('what is known about a device is kept under the kind and the value of its identifier', async (t) => {
  t.equal(identifierKey({ kind: 'mac', value: '005056A4895A', origin: 'mac' }), 'mac/005056A4895A')
  t.equal(identifierKey({ kind: 'serialNumber', value: 'A/1' }), 'serialNumber/A/1')
  t.equal(identifierKey({ kind: 'deviceId', value: id }), `deviceId/${id}`)
  t.equal(identifierKey({ kind: 'deviceId', value: id, origin: 'certificateSan' }), `deviceId/${id}`)
})

t.test('a common name may be the Entra device id, so the same id is kept apart there', async (t) => {
  t.equal(identifierKey({ kind: 'deviceId', value: id, origin: 'certificateCn' }), `certificateCn/${id}`)
})

t.test('a device id has two keys, which lead to each other; any other identifier has one', async (t) => {
  t.equal(otherKeyOfDeviceId(`deviceId/${id}`), `certificateCn/${id}`)
  t.equal(otherKeyOfDeviceId(`certificateCn/${id}`), `deviceId/${id}`)
  t.equal(otherKeyOfDeviceId('mac/005056A4895A'), undefined)
  t.equal(otherKeyOfDeviceId(`serialNumber/deviceId/${id}`), undefined)
})

t.test('a key comes apart into its two parts, also where the value has a slash', async (t) => {
  t.strictSame(splitKey('mac/005056A4895A'), ['mac', '005056A4895A'])
  t.strictSame(splitKey('serialNumber/A/1'), ['serialNumber', 'A/1'])
})
