import type { Frontend } from '../server/frontend.ts'
import { isePlugin, isePrefix } from './ise/plugin.ts'
import { jsonPlugin } from './json/plugin.ts'
import { radiusPlugin, radiusPrefix } from './radius/plugin.ts'

/** Every front end of the service: adding one is a folder beside this file and one line here. */
export const frontends: readonly Frontend[] = [
  { name: 'json', prefix: '/v1', plugin: jsonPlugin },
  { name: 'ise', prefix: isePrefix, plugin: isePlugin },
  { name: 'radius', prefix: radiusPrefix, plugin: radiusPlugin },
]
