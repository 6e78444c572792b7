import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  /** From 0. */
  readonly lineNumber: number
}

/** What Profiler.stop gives (Chrome DevTools Protocol). */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
  /** Microseconds from each sample to the one before. */
  readonly timeDeltas: readonly number[]
}

/** What HeapProfiler.stopSampling gives. */
export interface HeapProfile {
  readonly head: HeapNode
}

interface HeapNode {
  readonly callFrame: CallFrame
  readonly selfSize: number
  readonly children: readonly HeapNode[]
}

/** What a function or a part has of the whole. */
export interface Share {
  readonly name: string
  readonly amount: number
  /** Of the sum of all, 0 to 1. */
  readonly share: number
}

export interface Shares {
  readonly functions: readonly Share[]
  /** By folder of src, by package, by module of Node, and what V8 itself does. */
  readonly parts: readonly Share[]
}

/** Self time in microseconds, largest first. The time in which the process had nothing to do is left out. */
export function sharesOfCpu({ nodes, samples, timeDeltas }: CpuProfile): Shares {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const spent: [CallFrame, number][] = []
  samples.forEach((id, index) => {
    const frame = frames.get(id)
    // A delta is the time since the sample before: what that one was in the middle of goes on until the next.
    if (frame && frame.functionName !== '(idle)') spent.push([frame, timeDeltas[index + 1] ?? 0])
  })
  return sharesOf(spent)
}

/** Allocated bytes, largest first. */
export function sharesOfHeap({ head }: HeapProfile): Shares {
  const allocated: [CallFrame, number][] = []
  const visit = ({ callFrame, selfSize, children }: HeapNode) => {
    allocated.push([callFrame, selfSize])
    children.forEach(visit)
  }
  visit(head)
  return sharesOf(allocated)
}

/** A table of the largest, Markdown. */
export function formatShares(
  shares: readonly Share[],
  { heading, scale, rows = 30 }: { readonly heading: string; readonly scale: number; readonly rows?: number },
): string {
  return [
    `| % | ${heading} | |`,
    '|---|---|---|',
    ...shares
      .slice(0, rows)
      .map(
        ({ name, amount, share }) =>
          `| ${(share * 100).toFixed(1)} | ${(amount * scale).toFixed(1)} | ${name} |`,
      ),
  ].join('\n')
}

function sharesOf(amounts: readonly (readonly [CallFrame, number])[]): Shares {
  return {
    functions: summed(amounts.map(([frame, amount]) => [nameOf(frame), amount])),
    parts: summed(amounts.map(([frame, amount]) => [partOf(frame), amount])),
  }
}

function summed(amounts: readonly (readonly [string, number])[]): readonly Share[] {
  const sums = new Map<string, number>()
  for (const [name, amount] of amounts) sums.set(name, (sums.get(name) ?? 0) + amount)
  const total = amounts.reduce((sum, [, amount]) => sum + amount, 0)
  return [...sums]
    .map(([name, amount]) => ({ name, amount, share: total === 0 ? 0 : amount / total }))
    .filter(({ amount }) => amount > 0)
    .sort((a, b) => b.amount - a.amount)
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  return url === '' ? name : `${name} ${shortPath(url)}:${lineNumber + 1}`
}

function partOf({ functionName, url }: CallFrame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8 and native code'
  const path = shortPath(url)
  const inPackage = /^((?:@[^/]+\/)?[^/]+) › /.exec(path)?.[1]
  return inPackage ?? (/^src\/[^/]+/.exec(path)?.[0] || /^node:[^/]+/.exec(path)?.[0] || path)
}

/** Relative to the project; of a file of a package, `package › file`. */
function shortPath(url: string): string {
  if (!url.startsWith('file:')) return url
  const path = relative(process.cwd(), fileURLToPath(url))
  const inPackage = /^node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(path)
  return inPackage ? `${inPackage[1]} › ${inPackage[2]}` : path
}
