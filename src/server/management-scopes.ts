/**
 * What a client of the management listener may do. Each stands for itself. read: see decisions and devices; operate: what
 * concerns one device, and the guard; admin: what concerns all devices.
 */
export const managementScopes = ['read', 'operate', 'admin'] as const
export type ManagementScope = (typeof managementScopes)[number]

/** Which scope each route needs; `open`: no credentials. A route that is not here cannot be registered. */
export const scopeOfRoute = {
  'GET /livez': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'open',
  'GET /status': 'open',
  'GET /decisions': 'read',
  'GET /decisions/:decisionId': 'read',
  'GET /devices': 'read',
  'DELETE /devices/:kind/:value': 'operate',
  'POST /guard/accept': 'operate',
  'POST /guard/reject': 'operate',
  'DELETE /devices': 'admin',
} as const satisfies Readonly<Record<string, ManagementScope | 'open'>>

/** The scope of a route by method and pattern; HEAD goes with GET. Undefined where nobody has said. */
export function scopeOf(method: string, url: string): ManagementScope | 'open' | undefined {
  const route = `${method === 'HEAD' ? 'GET' : method} ${url}`
  return Object.hasOwn(scopeOfRoute, route) ? scopeOfRoute[route as keyof typeof scopeOfRoute] : undefined
}
