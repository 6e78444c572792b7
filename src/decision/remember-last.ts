/**
 * The same function, which keeps what it gave last. Rules ask one after the other about the same text of a request: the
 * work is then for each text, not for each text and rule.
 */
export function rememberLast<Given, Result>(make: (given: Given) => Result): (given: Given) => Result {
  let last: { readonly given: Given; readonly result: Result } | undefined
  return (given) => {
    if (last === undefined || last.given !== given) last = { given, result: make(given) }
    return last.result
  }
}
