import { randomUUID } from 'node:crypto'
import { styleText } from 'node:util'
import { printableLines } from '../text/printable.ts'
import type { CommandContext } from './command.ts'

type Colour = 'green' | 'red' | 'yellow' | 'bold' | 'dim'

/** Where a colour begins and ends until the text is printed: nothing that comes from outside can know it. */
const mark = randomUUID()
const marked = new RegExp(`${mark}<([a-z]+)>([^]*?)${mark}`, 'g')

/** Colours a word for a terminal and leaves it alone when standard output is piped or NO_COLOR is set. */
export function coloured(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout }) === text
    ? text
    : `${mark}<${colour}>${text}${mark}`
}

/**
 * The one way to the terminal: what is printed holds no control and no format character but line ends, tabs and our own
 * colours, whoever the text came from. A line end in text from outside has to be escaped where it is put into a line.
 */
export function throughTerminal(context: CommandContext): CommandContext {
  return {
    ...context,
    out: (text) => context.out(paint(printableLines(text))),
    err: (text) => context.err(paint(printableLines(text))),
  }
}

function paint(text: string): string {
  return text.replace(marked, (_found, colour: Colour, inner: string) =>
    styleText(colour, inner, { validateStream: false }),
  )
}
