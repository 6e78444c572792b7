import t from 'tap'
import { createNetworks, isNetwork } from '../../src/networks/networks.ts'

const texts = ['10.1.0.0/16', '192.0.2.7', '2001:db8:1::/48', '::1/128']

const inside = [
  '10.1.0.0',
  '10.1.255.255',
  '::ffff:10.1.2.3',
  '::ffff:a01:203',
  '192.0.2.7',
  '2001:db8:1:ff::1',
  '::1',
]
const outside = [
  '10.2.0.0',
  '192.0.2.8',
  '::ffff:10.2.0.1',
  '2001:db8:2::1',
  '::2',
  '',
  'x',
  '10.1.0.0/16',
  '10.1',
]

t.test('an address is in a network or not, mapped IPv4 as IPv4', async (t) => {
  const networks = createNetworks(texts)
  for (const address of inside) t.equal(networks.contains(address), true, `${address} is in`)
  for (const address of outside) t.equal(networks.contains(address), false, `${address} is out`)
  for (const address of inside) t.equal(networks.contains(address), true, `${address} still is in`)
  t.same(networks.texts, texts)
})

t.test('however many addresses ask, the answers stay right', async (t) => {
  const networks = createNetworks(['10.1.0.0/16'])
  for (let index = 0; index < 5000; index += 1) {
    const rest = `${(index >> 8) & 255}.${index & 255}`
    if (!networks.contains(`10.1.${rest}`) || networks.contains(`10.3.${rest}`)) t.fail(rest)
  }
  t.pass('5000 in and 5000 out')
})

t.test('networks are texts in CIDR form without bits beyond the prefix', async (t) => {
  for (const text of [
    ...texts,
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/8',
    '10.128.0.0/9',
    '2001:DB8::/32',
    'fe80::/10',
  ]) {
    t.equal(isNetwork(text), true, text)
  }
  for (const text of [
    '',
    '10.0.0.5/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '2001:db8::1/64',
    '2001:db8::/129',
    'fe80::1%eth0',
    '::ffff:10.0.0.0/104',
    'example.com',
  ]) {
    t.equal(isNetwork(text), false, text)
  }
})
