import { formatTable } from '../../src/cli/table.ts'
import { type Cell, deadlineMs, graceMs } from './failure-matrix.ts'

/** What no cell may do; one sentence for every breach. */
export function findViolations(cells: readonly Cell[]): string[] {
  return cells.flatMap((cell) => {
    const where = `${cell.hop} x ${cell.fault}`
    const breaches: string[] = []
    if (cell.code === 'internal' || cell.diagnosis.endsWith(': internal')) breaches.push('internal error')
    if (cell.decisionMs > deadlineMs + graceMs)
      breaches.push(`took ${Math.round(cell.decisionMs)} ms, the deadline is ${deadlineMs} ms`)
    for (const leak of cell.leaks) breaches.push(`leaks ${leak}`)
    if (cell.reason === 'not_enrolled' && !isDocumentedNotFound(cell)) breaches.push('reads as not enrolled')
    if (cell.outcome === 'allow') breaches.push('lets the device in')
    if (cell.reason === 'intune_unavailable' && cell.code === '') breaches.push('has no error code')
    if (cell.reason === 'intune_unavailable' && cell.enrolled !== null) breaches.push('calls it not enrolled')
    if (cell.diagnosis === 'ok') breaches.push('doctor sees nothing')
    if (cell.diagnosis !== 'ok' && cell.remedy === '') breaches.push('doctor has no remedy')
    return breaches.map((breach) => `${where}: ${breach}`)
  })
}

/** A 404 from the very address that discovery has just confirmed is how Intune may say "no such device". */
function isDocumentedNotFound({ hop, fault }: Cell): boolean {
  return hop === 'query' && fault === '404'
}

/** The matrix for a person: one line a cell. */
export function formatMatrix(cells: readonly Cell[]): string {
  return formatTable(
    ['hop', 'fault', 'decision', 'reason', 'error code', 'ms', 'doctor'],
    cells.map(({ hop, fault, outcome, reason, code, decisionMs, lateMs, diagnosis }) => [
      hop,
      fault,
      outcome,
      reason,
      code,
      decisionMs.toFixed(0) + (lateMs === undefined ? '' : ` (first ${lateMs.toFixed(0)})`),
      diagnosis,
    ]),
  )
}
