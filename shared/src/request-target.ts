/**
 * An address as whoever asks spelled it. A proxy must hand path and query on as they came (RFC 9110, 7.7): they may be signed,
 * and then `'` is not `%27`. So an address on its way through here keeps the spelling of both, and whoever wants to know what it
 * means (classes, keys, rules) parses it. Scheme and host are spelled as the parser has them: by these one is connected.
 *
 * Where the two disagree about where the host ends, the parser's own spelling is taken for all of it: nothing may be decided of one
 * address and then asked of another.
 */

interface ParsedUrl {
  readonly href: string
  readonly pathname: string
  readonly search: string
}
declare const URL: { parse(url: string): ParsedUrl | null }

/** Without fragment. Null: it is no http or https address. */
export function addressAsSpelled(text: string): string | null {
  const url = URL.parse(text)
  const [origin] = /^https?:\/\/[^/?#]*/.exec(url?.href ?? '') ?? []
  if (url === null || origin === undefined) return null
  const [, rest = ''] = /^https?:\/\/[^/?#]*([^#]*)/i.exec(text) ?? []
  const target = rest.startsWith('/') ? rest : `/${rest}`
  const again = URL.parse(origin + target)
  const isSame = again?.pathname === url.pathname && again.search === url.search
  return isSame && isWritable(target) ? origin + target : origin + url.pathname + url.search
}

/** Path and query, as spelled: what a request line says. Null: it is no http or https address. */
export function requestTargetOf(text: string): string | null {
  return addressAsSpelled(text)?.replace(/^https?:\/\/[^/]*/, '') ?? null
}

/** What a request line may carry. */
const isWritable = (target: string): boolean => /^[!-~]*$/.test(target)
