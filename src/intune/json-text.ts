/** A JSON text that was read, and whether an object in it has one key twice, of which `JSON.parse` keeps the last. */
export interface JsonText {
  readonly value: unknown
  readonly repeatsKey: boolean
}

/** Reads a JSON text (RFC 8259), with or without the byte order mark that .NET likes; nothing for any other text. */
export function parseJson(text: string): JsonText | undefined {
  const json = text.replace(/^\uFEFF/, '')
  try {
    return { value: JSON.parse(json), repeatsKey: repeatsKey(json) }
  } catch {
    return undefined
  }
}

/** Strings whole, and what opens, closes or divides; the text is known to be JSON. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g

/** RFC 8259 section 4: what a repeated name means is unpredictable. So it may mean the other value as well. */
function repeatsKey(json: string): boolean {
  const open: (Set<string> | undefined)[] = []
  let text = ''
  for (const [token] of json.matchAll(tokens)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token !== ':') text = token
    else {
      const key: string = JSON.parse(text)
      const known = open.at(-1)
      if (known?.has(key)) return true
      known?.add(key)
    }
  }
  return false
}
