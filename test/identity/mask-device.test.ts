import t from 'tap'
import { createDeviceMask } from '../../src/identity/mask-device.ts'

const key = Buffer.alloc(32, 7)
const mac = '005056A4895A'
const other = '005056A4895B'

t.test('full shows an identifier to the letter, none shows nothing', async (t) => {
  for (const device of [mac, '']) {
    t.equal(createDeviceMask('full', key)(device), device)
    t.equal(createDeviceMask('none', key)(device), '')
  }
})

t.test('hash shows 32 hex digits that match each other within a deployment and nowhere else', async (t) => {
  const mask = createDeviceMask('hash', key)
  t.match(mask(mac), /^[0-9a-f]{32}$/)
  t.equal(mask(mac), createDeviceMask('hash', Buffer.from(key))(mac), 'the same after a restart')
  t.not(mask(mac), mask(other), 'another device')
  t.not(mask(mac), createDeviceMask('hash', Buffer.alloc(32, 8))(mac), 'another key')
  t.equal(mask(''), '', 'where there is no device there is nothing to hide')
  // printf 005056A4895A | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...07
  t.equal(mask(mac), '560b23a59d5a061707a4c201e7659f44', 'anybody with the key can work it out')
})
