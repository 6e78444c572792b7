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
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: readonly number[]
  }[]
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
  /**
   * By folder of src, by package, by module of Node. What native code does counts for whoever called it; the rest is
   * V8's own: garbage collection and the like.
   */
  readonly parts: readonly Share[]
}

/** Self time in microseconds, largest first. The time in which the process had nothing to do is left out. */
export function sharesOfCpu({ nodes, samples, timeDeltas }: CpuProfile): Shares {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const callerOf = (id: number): CallFrame | undefined => {
    const frame = byId.get(id)?.callFrame
    const parent = parents.get(id)
    return frame?.url === '' && parent !== undefined ? callerOf(parent) : frame
  }
  const spent: Amount[] = []
  samples.forEach((id, index) => {
    const frame = byId.get(id)?.callFrame
    if (frame === undefined || frame.functionName === '(idle)') return
    // A delta is the time since the sample before: what that one was in the middle of goes on until the next.
    spent.push({ frame, caller: callerOf(id) ?? frame, amount: timeDeltas[index + 1] ?? 0 })
  })
  return sharesOf(spent)
}

/** Allocated bytes, largest first. */
export function sharesOfHeap({ head }: HeapProfile): Shares {
  const allocated: Amount[] = []
  const visit = ({ callFrame: frame, selfSize: amount, children }: HeapNode, above: CallFrame) => {
    const caller = frame.url === '' ? above : frame
    allocated.push({ frame, caller, amount })
    for (const child of children) visit(child, caller)
  }
  visit(head, head.callFrame)
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

interface Amount {
  readonly frame: CallFrame
  /** The frame itself, or for native code the nearest one above that has a file. */
  readonly caller: CallFrame
  readonly amount: number
}

function sharesOf(amounts: readonly Amount[]): Shares {
  return {
    functions: summed(amounts.map(({ frame, amount }) => [nameOf(frame), amount])),
    parts: summed(amounts.map(({ frame, caller, amount }) => [partOf(frame, caller), amount])),
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

function partOf({ functionName }: CallFrame, caller: CallFrame): string {
  if (/^\((garbage collector|program)\)$/.test(functionName)) return functionName
  if (caller.url === '') return '(outside of any file)'
  const path = shortPath(caller.url)
  const inPackage = /^((?:@[^/]+\/)?[^/]+) › /.exec(path)?.[1]
  return inPackage ?? /^src\/[^/]+/.exec(path)?.[0] ?? path
}

/** Relative to the project; of a file of a package, `package › file`. */
function shortPath(url: string): string {
  // CommonJS modules have a path, others a URL.
  if (!/^(file:|\/)/.test(url)) return url
  const path = relative(process.cwd(), url.startsWith('/') ? url : fileURLToPath(url))
  const inPackage = /^node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(path)
  return inPackage ? `${inPackage[1]} › ${inPackage[2]}` : path
}
