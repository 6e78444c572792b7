/** A shell block of a page, and what stands on the page about running it. */
export interface ShellBlock {
  /** Of its opening fence, from 1. */
  readonly line: number
  readonly commands: string
  /** Why nobody runs it; undefined: it is run. */
  readonly notRun: string | undefined
  /** What has to be done before, which the page leaves to its reader; empty where nothing has. */
  readonly before: string
  /** What the page says that it prints: texts of its comments, and the lines of the block behind it. */
  readonly prints: readonly string[]
}

/** A block without a mark: whoever writes one has to say whether it can be run. */
export interface UnmarkedBlock {
  readonly line: number
}

/**
 * The shell blocks of a Markdown page. Above each stands `<!-- run -->`, `<!-- run after: commands -->` or `<!-- not run:
 * reason -->`, which a reader of the page does not see; `<!-- prints -->` above another block makes it what the one before
 * prints, in this order, where `...` stands for anything.
 */
export function readShellBlocks(page: string): readonly (ShellBlock | UnmarkedBlock)[] {
  const blocks: (ShellBlock | UnmarkedBlock)[] = []
  const lines = page.split('\n')
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^( *)```(\w*)$/.exec(lines[at] ?? '')
    if (!fence) continue
    const end = lines.indexOf(`${fence[1]}\`\`\``, at + 1)
    const content = lines.slice(at + 1, end)
    const mark = /^ *<!-- (prints|run(?: after: (.+))?|not run: (.+)) -->$/.exec(lines[at - 1] ?? '')
    const line = at + 1
    at = end
    const before = blocks.at(-1)
    if (mark?.[1] === 'prints' && before !== undefined && 'prints' in before) {
      blocks[blocks.length - 1] = { ...before, prints: [...before.prints, ...content.filter(Boolean)] }
    }
    if (fence[2] !== 'sh') continue
    if (mark === null || mark[1] === 'prints') blocks.push({ line })
    else {
      const commands = content.join('\n')
      blocks.push({ line, commands, before: mark[2] ?? '', notRun: mark[3], prints: promisesOf(content) })
    }
  }
  return blocks
}

/** JSON and text in backticks of comments: `"decision":"allow"`. */
function promisesOf(lines: readonly string[]): readonly string[] {
  return lines
    .flatMap((line) => /(?:^|\s)#\s(.*)$/.exec(line)?.[1] ?? [])
    .flatMap((comment) => [...comment.matchAll(/"\w+":"\w+"(?:,"\w+":"\w+")*|(?<=`)[^`]+(?=`)/g)])
    .map(([text]) => text)
}

/** The first text that `output` does not hold behind those before it; undefined where all are there. */
export function firstMissing(output: string, prints: readonly string[]): string | undefined {
  let from = 0
  for (const text of prints) {
    const pattern = text
      .trim()
      .split('...')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'))
      .join('.*?')
    const found = new RegExp(pattern).exec(output.slice(from))
    if (!found) return text
    from += found.index + found[0].length
  }
  return undefined
}

/** The files that a page shows as a whole, by name: blocks below `<!-- file: NAME -->`. */
export function readFiles(page: string): ReadonlyMap<string, string> {
  const shown = page.matchAll(/^<!-- file: (\S+) -->\n```\w*\n([\s\S]*?)^```$/gm)
  return new Map([...shown].map(([, name = '', content = '']) => [name, content]))
}
