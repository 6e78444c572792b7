import fc from 'fast-check'
import t from 'tap'
import { ProxyAgent } from 'undici'
import { loadSettings } from '../../src/config/load-settings.ts'
import { problemOfProxy, readProxy } from '../../src/config/proxy.ts'

const secret = 'Sommer100'

t.test('an address that cannot be used is refused with the cause, and never repeated', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`http://svc:${secret}%@127.0.0.1:9`, /^has a % .* write % as %25$/],
    ['http://svc:a6%6qgx@127.0.0.1:9', /^has a % .* write % as %25$/],
    ['http://sv%c:x@127.0.0.1:9', /^has a % .* write % as %25$/],
    [`http://svc:${secret}%FF@proxy.example:3128`, /begins no UTF-8 character/],
    ['127.0.0.1:3128', /^has no scheme: write http:\/\//],
    ['proxy.example:3128', /^has no scheme/],
    [`svc:${secret}@proxy.example:3128`, /^has no scheme/],
    ['//proxy.example:3128', /^has no scheme/],
    ['socks5://proxy.example:1080', /^is a SOCKS proxy, which is not supported/],
    ['SOCKS5h://proxy.example:1080', /^is a SOCKS proxy/],
    ['socks://proxy.example:1080', /^is a SOCKS proxy/],
    ['ftp://proxy.example', /^must begin with http:\/\/ or https:\/\//],
    ['http://', /^is not the address of a proxy/],
    ['http://proxy.example:99999', /^is not the address of a proxy/],
    ['http://proxy example:3128', /^is not the address of a proxy/],
    [`http://svc:${secret}/x@proxy.example:3128`, /^cannot be read: .* \/ as %2F/],
    [`http://svc:12#${secret}@proxy.example:3128`, /^has something behind host and port; .* # as %23/],
    [`http://svc:12/${secret}@proxy.example:3128`, /^has something behind host and port/],
    ['http://proxy.example:3128/proxy.pac', /^has something behind host and port: write it as/],
    ['http://proxy.example:3128?x', /^has something behind/],
    [`http://:${secret}@proxy.example:3128`, /^has a password without a user name/],
    ['http://proxy.example:3128\r', /^ends in a carriage return/],
    ['http://proxy.example:3128 ', /^ends in a space/],
    ['"http://proxy.example:3128"', /^is in quotes/],
    ['http://proxy\u200B.example:3128', /U\+200B/],
  ]
  for (const [address, cause] of cases) {
    const problem = problemOfProxy(address)
    t.match(problem, cause, JSON.stringify(address))
    t.notMatch(problem, new RegExp(secret))
    for (const variable of ['HTTPS_PROXY', 'https_proxy']) {
      t.match(readProxy({ [variable]: address }).problems, [{ variable, problem: cause }])
    }
    const loaded = loadSettings({ HTTPS_PROXY: address }, () => undefined)
    t.match(!loaded.ok && loaded.problems.find(({ variable }) => variable === 'HTTPS_PROXY'), {
      problem: cause,
    })
  }
})

t.test('an address that can be used is taken as it is', async (t) => {
  for (const address of [
    'http://proxy.example:3128',
    'http://proxy.example',
    'http://proxy.example:3128/',
    'HTTP://proxy.example:3128',
    'https://proxy.example:3129',
    'http://10.0.0.1:3128',
    'http://[2001:db8::1]:3128',
    'http://svc@proxy.example:3128',
    'http://svc:Sommer100%25@proxy.example:3128',
    'http://dom%5Csvc:p%40ss%3A%2F%23%3F@proxy.example:3128',
    'http://svc:p@ss@proxy.example:3128',
    'http://svc:B%C3%BCro@proxy.example:3128',
  ]) {
    t.equal(problemOfProxy(address), undefined, address)
    await new ProxyAgent(address).close()
    t.same(readProxy({ HTTPS_PROXY: address }).proxy, { httpsProxy: address })
  }
  t.same(readProxy({ HTTPS_PROXY: '', https_proxy: 'http://p', NO_PROXY: '' }).proxy, {
    httpsProxy: 'http://p',
  })
  t.same(readProxy({}), { proxy: {}, problems: [], notices: [] })
})

t.test('whatever is taken, undici takes', async (t) => {
  const part = fc.oneof(
    fc.constantFrom('svc', '%', '%25', '%FF', ':', '@', '/', '#', '?', '\\', 'ü', ' ', '\r', '[', ']', ''),
    fc.string({ maxLength: 6 }),
  )
  const address = fc
    .tuple(
      fc.constantFrom('http://', 'https://', 'http:', 'socks5://', ''),
      fc.array(part, { maxLength: 6 }),
      fc.constantFrom('@', ''),
      fc.constantFrom('proxy.example:3128', '[::1]:1', '10.0.0.1', 'x'),
      part,
    )
    .map(([scheme, parts, at, host, tail]) => `${scheme}${parts.join('')}${at}${host}${tail}`)
  let taken = 0
  fc.assert(
    fc.property(address, (text) => {
      if (problemOfProxy(text) !== undefined) return
      taken += 1
      void new ProxyAgent({ uri: text }).destroy()
    }),
    { numRuns: 3000 },
  )
  t.ok(taken > 50, `${taken} of 3,000`)
})

t.test('NO_PROXY: what never matches is said, what is spoilt is refused', async (t) => {
  const notices = (noProxy: string) => readProxy({ HTTPS_PROXY: 'http://p:1', NO_PROXY: noProxy }).notices
  t.same(notices('localhost, 127.0.0.1,.example,*.example,graph.microsoft.com:443,10.0.0.0/8,[::1],*'), [])
  t.match(notices('https://graph.microsoft.com'), [/^NO_PROXY has an entry of a form that never matches/])
  t.match(notices('a.example;b.example <local>'), [/^NO_PROXY has 2 entries of a form that never matches/])
  t.same(readProxy({ NO_PROXY: 'a;b' }).notices, [], 'without a proxy nobody cares')
  const { problems } = readProxy({ no_proxy: '"localhost,127.0.0.1"' })
  t.match(problems, [{ variable: 'no_proxy', problem: /^is in quotes/ }])
  t.same(readProxy({ NO_PROXY: 'localhost,\r\n127.0.0.1 \r\n' }).problems, [], 'white space separates')
  t.match(readProxy({ NO_PROXY: 'local\u200Bhost' }).problems, [{ problem: /U\+200B/ }])
})
