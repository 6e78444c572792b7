/** `npm run test:matrix`: every hop x every fault as a table; exits 1 when a cell does what none may. */
import { playMatrix } from './failure-matrix.ts'
import { findViolations, formatMatrix } from './violations.ts'

const cells = await playMatrix()
process.stdout.write(`${formatMatrix(cells)}\n\n`)
const violations = findViolations(cells)
for (const violation of violations) process.stdout.write(`${violation}\n`)
process.stdout.write(`${cells.length} cells, ${violations.length} violations\n`)
process.exitCode = violations.length === 0 ? 0 : 1
