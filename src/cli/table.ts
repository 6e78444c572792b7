import { styleText } from 'node:util'

/** Rows as aligned columns with a rule under the heading; plain text, so that it pipes well. */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows]
  const widths = heading.map((_, column) => widest(all.map((row) => row[column] ?? '')))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** Length of the longest of some texts; 0 where there is none. */
export function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 0)
}

/** Colours a word for a terminal and leaves it alone when standard output is piped or NO_COLOR is set. */
export function coloured(format: 'green' | 'red' | 'yellow' | 'bold' | 'dim', text: string): string {
  return styleText(format, text, { stream: process.stdout })
}
