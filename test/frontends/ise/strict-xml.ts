import { SaxesParser } from 'saxes'

/** An element to the letter: case, order and text as they were sent. */
export interface StrictElement {
  readonly name: string
  readonly text: string
  readonly children: readonly StrictElement[]
}

interface Growing extends StrictElement {
  text: string
  readonly children: Growing[]
}

/** Parses a document and throws for whatever is not well-formed XML without attributes. */
export function parseStrictly(xml: string): StrictElement {
  const parser = new SaxesParser()
  const top: Growing = { name: '', text: '', children: [] }
  const open = [top]
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => {
    if (Object.keys(attributes).length > 0) throw new Error(`${name} has attributes`)
    const element: Growing = { name, text: '', children: [] }
    open.at(-1)?.children.push(element)
    open.push(element)
  })
  parser.on('text', (text) => {
    const element = open.at(-1)
    if (element && element !== top) element.text += text
  })
  parser.on('closetag', () => void open.pop())
  parser.write(xml).close()
  const [root] = top.children
  if (!root) throw new Error('there is no element')
  return root
}

/** Every element below `root` at a path such as `deviceList/device`. */
export function elementsAt(root: StrictElement, path: string): readonly StrictElement[] {
  return path
    .split('/')
    .reduce<readonly StrictElement[]>(
      (found, name) => found.flatMap(({ children }) => children.filter((child) => child.name === name)),
      [root],
    )
}

/** The text of the one element at a path, or undefined. */
export function textAt(root: StrictElement, path: string): string | undefined {
  return elementsAt(root, path)[0]?.text
}
