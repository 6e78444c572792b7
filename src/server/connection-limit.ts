import type { Server, Socket } from 'node:net'

/** How many connections there may be, and who is told of one too many. */
export interface ConnectionLimit {
  readonly maxConnections: number
  /** Of one address; addresses for which `isExempt` holds have no limit of their own. */
  readonly maxPerAddress: number
  readonly isExempt: (address: string) => boolean
  /** Called for every connection that is closed because it is one too many. */
  readonly onDropped: () => void
}

/**
 * Limits the connections of a server, of all and of one address: a connection costs memory before it has said who it
 * is, so without the second limit one stranger could hold all of the first. One too many is closed at once.
 */
export function limitConnections(server: Server, limit: ConnectionLimit): void {
  const { maxPerAddress, isExempt, onDropped } = limit
  const open = new Map<string, number>()
  server.maxConnections = limit.maxConnections
  server.on('drop', onDropped)
  server.on('connection', (socket: Socket) => {
    // Undefined: it was closed before it got here.
    const address = socket.remoteAddress
    if (address === undefined || isExempt(address)) return
    const count = (open.get(address) ?? 0) + 1
    if (count > maxPerAddress) {
      socket.destroy()
      onDropped()
      return
    }
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
  })
}
