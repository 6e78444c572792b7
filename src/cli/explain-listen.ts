/** Why an address cannot be listened on, in a sentence; undefined where the error is of another kind. */
export function explainListen(error: unknown): string | undefined {
  const { syscall, code, address, hostname, port } = error as NodeJS.ErrnoException & {
    address?: string
    hostname?: string
    port?: number
  }
  if (syscall === 'getaddrinfo')
    return `Cannot listen on ${hostname}: no address is known for this name (${code})`
  if (syscall !== 'listen' && syscall !== 'bind') return undefined
  const host = address?.includes(':') ? `[${address}]` : address
  // Node names no port where the system was to pick one.
  const where = port === undefined ? host : `${host}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return `Cannot listen on ${where}: another program uses this port (${code})`
    case 'EADDRNOTAVAIL':
      return `Cannot listen on ${where}: this machine does not have the address (${code})`
    case 'EACCES':
      return `Cannot listen on ${where}: ports below 1024 need a privilege (${code})`
    default:
      return `Cannot listen on ${where}: ${code}`
  }
}
