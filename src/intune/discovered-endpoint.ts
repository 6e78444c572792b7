import { failure, type Outcome, success } from '../errors/fault.ts'

/**
 * Checks an address that discovery returned before any token may go there: https, no user or password in it, and a
 * host that equals an allowed suffix or ends in `.` + one. Gives the base URL without query and trailing slash.
 * Faults: `discovery_reply_malformed` (no URL), `discovery_host_refused`.
 */
export function parseDiscoveredEndpoint(uri: string, allowedHosts: readonly string[]): Outcome<string> {
  if (!URL.canParse(uri)) {
    return failure('discovery_reply_malformed', 'discovery named an address that is not a URL', {
      hop: 'discovery',
    })
  }
  const url = new URL(uri)
  const refused = (why: string) =>
    failure('discovery_host_refused', `discovery named ${url.host}, ${why}`, {
      hop: 'discovery',
      host: url.host,
    })
  if (url.protocol !== 'https:') return refused('but not over https')
  if (url.username !== '' || url.password !== '') return refused('with credentials in the address')
  if (!allowedHosts.some((suffix) => isWithin(url.hostname, suffix.toLowerCase()))) {
    return refused('which INTUNE_ALLOWED_HOSTS does not list')
  }
  return success(`${url.origin}${url.pathname.replace(/\/+$/, '')}`)
}

/** The dot matters: evil-manage.microsoft.com is not within manage.microsoft.com. */
function isWithin(hostname: string, suffix: string): boolean {
  return hostname === suffix || (suffix !== '' && hostname.endsWith(`.${suffix}`))
}
