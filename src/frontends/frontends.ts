import type { Frontend } from '../server/frontend.ts'
import { jsonPlugin } from './json/plugin.ts'

/** Every front end of the service: adding one is a folder beside this file and one line here. */
export const frontends: readonly Frontend[] = [{ name: 'json', prefix: '/v1', plugin: jsonPlugin }]
