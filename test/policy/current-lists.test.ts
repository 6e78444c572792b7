import t from 'tap'
import { CurrentLists } from '../../src/policy/current-lists.ts'
import { defaultPolicy } from '../../src/policy/default-policy.ts'

const devices = new Set(['005056A4895A'])

t.test('lists of the policy in force stay as they are where the next one does not compile', (t) => {
  const lists = new CurrentLists()
  let first: { has(value: string): boolean } | undefined
  lists.compile(new Map([['mac one', devices]]), (compiled) => {
    first = compiled.get('mac one')
    return defaultPolicy
  })
  const refuse = () => {
    throw new Error('it does not compile')
  }
  t.throws(() => lists.compile(new Map([['mac one', new Set<string>()]]), refuse))
  t.ok(first?.has('005056A4895A'), 'a device that is blocked stays so')
  t.same(lists.devicesOf('mac one'), devices)
  lists.compile(new Map([['mac two', devices]]), () => defaultPolicy)
  t.notOk(first?.has('005056A4895A'), 'a policy that is in force no more keeps no devices')
  t.equal(lists.devicesOf('mac one'), undefined)
  t.end()
})
