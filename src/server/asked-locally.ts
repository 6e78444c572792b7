import type { IncomingHttpHeaders } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { TLSSocket } from 'node:tls'
import { isLoopbackAddress } from '../networks/networks.ts'

/**
 * Header fields that a reverse proxy, a load balancer, a gateway or a CDN adds (RFC 7239; RFC 9110 section 7.6.3; RFC 8586; the
 * others are what nginx, HAProxy, Envoy, Traefik, Cloudflare, Fastly, Fly, WebLogic, Azure and Amazon write): whoever
 * asked, it was not this machine.
 */
const writtenByProxies =
  /^(?:forwarded(?:-for)?|via|cdn-loop|x-(?:forwarded|original|real|client|cluster|remote|originating|proxyuser|envoy|azure|arr|amzn|host|scheme)(?:-.*)?|(?:(?:wl-)?proxy-)?client-ip|(?:true|fastly|fly|cf)-.*)$/

/** True where a header says that the request was passed on. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((name) => writtenByProxies.test(name))
}

/** The name or address that a Host header asks for, in the one spelling of the URL parser; undefined where it is none. */
function askedName(host: string): string | undefined {
  const url = /[/?#@\\\s]/.test(host) ? null : URL.parse(`http://${host}`)
  return url?.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

/** True for `localhost` (RFC 6761 section 6.3) and for addresses that lead back to the same machine. */
function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || isLoopbackAddress(name)
}

/**
 * True where a request asks for this machine by a name that no stranger can have made point here: a web page that an
 * operator has open may be of any name, and that name may lead to 127.0.0.1 by the time the page asks (DNS rebinding).
 * HTTP/1.0 without a Host header comes from no browser.
 */
function asksForLoopback(host: string | undefined): boolean {
  if (host === undefined) return true
  const name = askedName(host)
  return name !== undefined && isLoopbackName(name)
}

/**
 * True where nothing about a request from a loopback address says that it does not begin on this machine. A browser that
 * was led here by a name finds out over TLS; a name without a dot is none that a stranger can have.
 */
export function isAskedLocally(headers: IncomingHttpHeaders, socket: Socket): boolean {
  if (isForwarded(headers)) return false
  if (socket instanceof TLSSocket || asksForLoopback(headers.host)) return true
  const name = askedName(headers.host ?? '') ?? '.'
  return !name.includes('.') && isIP(name) === 0
}

/** Judges the Host header of one listener; see {@link asksForLoopback}. */
export type HostCheck = (host: string | undefined, localAddress: string | undefined) => boolean

/**
 * Takes loopback, the address at which the request arrived, the name of the machine, the host that the listener was
 * given, and `names`.
 */
export function createHostCheck(host: string, names: readonly string[]): HostCheck {
  const own = new Set([hostname(), host, ...names].flatMap((name) => askedName(asAuthority(name)) ?? []))
  // It means every address, and browsers have been made to ask for it.
  for (const anyAddress of ['0.0.0.0', '::']) own.delete(anyAddress)
  return (asked, localAddress) => {
    if (asksForLoopback(asked)) return true
    const name = askedName(asked ?? '')
    if (name === undefined) return false
    return (
      own.has(name) || (localAddress !== undefined && name === askedName(asAuthority(plain(localAddress))))
    )
  }
}

/** A dual-stack socket reports IPv4 addresses as mapped ones. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
}

function asAuthority(name: string): string {
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
}
