import t from 'tap'
import { parseRadiusRequest } from '../../../src/frontends/radius/parse-request.ts'
import { readRlmRest } from '../../../src/frontends/radius/read-rlm-rest.ts'

/** By JSON.parse, since rlm_rest puts no white space in front. */
function readAsAnyJson(body: string) {
  const parsed = parseRadiusRequest(Buffer.from(` ${body}`), '')
  return parsed.ok ? parsed.value : undefined
}

t.test('what rlm_rest writes is read as JSON.parse reads it', async (t) => {
  for (const body of [
    '{"User-Name":{"type":"string","value":["005056a4895a"]}}',
    '{"user-NAME":{"type":"string","value":["x"]}}',
    '{"User-Password":{"type":"string","value":["secret"]},"User-Name":{"type":"string","value":["x"]}}',
    '{"Calling-Station-Id":{"type":"string","value":["00-50-56-A4-89-5A","00-50-56-A4-89-5B"]}}',
    '{"Service-Type":{"type":"integer","value":[10]},"EAP-Type":{"type":"integer","value":[0]}}',
    '{"Service-Type":{"type":"integer","value":[999999999999999]}}',
    '{"Service-Type":{"type":"integer","value":[10,"Call-Check",2]}}',
    '{"EAP-Message":{"type":"octets","value":["0x02","0x03"]}}',
    '{"NAS-Identifier":{"type":"string","value":["a\\/b \\"c\\" \\\\ \\t{}[],:"]}}',
    '{"NAS-Port-Id":{"type":"string","value":["Gi1\\/0\\/1\\\\"]},"User-Name":{"type":"string","value":["\\/"]}}',
    '{"User-Name":{"type":"string","value":[""]}}',
    '{"TLS-Client-Cert-Common-Name":{"type":"string","value":["x"]},"TLS-Client-Cert-Common-Nam_":{"type":"","value":["y"]}}',
    '{"Class":{"type":"octets","value":["0x01"]},"Class":{"type":"octets","value":["0x02"]}}',
  ]) {
    const known = readRlmRest(Buffer.from(body))
    t.ok(known, `${body} is of the known form`)
    t.strictSame(known, readAsAnyJson(body), body)
  }
})

t.test('everything else is left to JSON.parse', async (t) => {
  const one = '{"User-Name":{"type":"string","value":["x"]}}'
  const values = (written: string) => `{"User-Name":{"type":"string","value":[${written}]}}`
  for (const body of [
    '',
    '{}',
    '[]',
    ` ${one}`,
    `${one} `,
    `${one}}`,
    `${one},`,
    one.slice(0, -1),
    `[${one}]`,
    `${one.slice(0, -1)},}`,
    `${one.slice(0, -1)}]`,
    // Named twice: JSON.parse takes the last, and names that differ in case together.
    `${one.slice(0, -1)},"User-Name":{"type":"string","value":["y"]}}`,
    `${one.slice(0, -1)},"user-name":{"type":"string","value":["y"]}}`,
    '{"User-Name":"x"}',
    '{"User-Name":{"value":["x"]}}',
    '{"User-Name":{"type":"string","value":"x"}}',
    '{"User-Name":{"type":"string","value":["x"],"op":":="}}',
    '{"User-Name":{"type":1,"value":["x"]}}',
    '{"User\\u002dName":{"type":"string","value":["x"]}}',
    values(''),
    values('"x",'),
    values('"x" ,"y"'),
    values('"x'),
    values('"x\\"'),
    values('"\\u0078"'),
    values('"\\x"'),
    values('"\\'),
    values('"ü"'),
    values('"\u007f"'),
    values('"\t"'),
    values('"\0"'),
    values('-1'),
    values('01'),
    values('1.5'),
    values('1e3'),
    values('1234567890123456'),
    values('true'),
    values('null'),
    values('["x"]'),
    values('{}'),
  ]) {
    t.equal(readRlmRest(Buffer.from(body)), undefined, JSON.stringify(body))
  }
})

t.test('a body that ends anywhere is not of the known form', async (t) => {
  const body = Buffer.from(
    '{"User-Name":{"type":"string","value":["a\\/b",12]},"Class":{"type":"","value":["x"]}}',
  )
  t.ok(readRlmRest(body))
  for (let length = 0; length < body.length; length += 1) {
    t.equal(readRlmRest(body.subarray(0, length)), undefined, body.toString('latin1', 0, length))
  }
})
