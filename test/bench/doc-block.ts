const begin = '<!-- bench:begin: written by `npm run bench -- --doc`, do not edit -->'
const end = '<!-- bench:end -->'

/** Puts `text` between the markers of a page; throws where the page has none. */
export function replaceBlock(page: string, text: string): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no line ${begin} with ${end} behind it`)
  return `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`
}
