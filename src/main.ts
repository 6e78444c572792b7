#!/usr/bin/env node
const oldestNode = 24
const [major] = process.versions.node.split('.').map(Number)

// Before anything else is loaded: on an older Node the first import of node:sqlite ends in a stack trace.
if (major === undefined || major < oldestNode) {
  process.stderr.write(
    `intune-nac needs Node ${oldestNode} or newer, this is ${process.versions.node} (${process.execPath}). ` +
      'In a clone, npm start and npx intune-nac run on the Node that npm ci installed.\n',
  )
  process.exitCode = 78
} else {
  const { runCommand } = await import('./cli/run-command.ts')
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      // Whoever read along has gone: that ends a command, and not a service.
      if (process.argv[2] !== 'serve') process.exit(process.exitCode ?? 0)
    })
  }
  process.exitCode = await runCommand(process.argv.slice(2), {
    environment: process.env,
    execArgv: process.execArgv,
    isTerminal: { out: process.stdout.isTTY === true, err: process.stderr.isTTY === true },
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
  })
}
