/**
 * From what a client asks of a mirror to an address upstream, pure. Whoever may ask a mirror must not get at anything else of its
 * host: many servers decode a path once more than the one before them, so what could be understood as a way up in any number of
 * decodings is refused.
 */

/** More than this nobody encodes by mistake, and no server decodes. */
const decodingsMax = 3

/**
 * @param base absolute, ends in a slash
 * @param rest a path without leading slash, and maybe a query, as the client sent it
 * @returns null if it would lead anywhere but below the base
 */
export function joined(base: string, rest: string): string | null {
  const at = rest.indexOf('?')
  const path = at < 0 ? rest : rest.slice(0, at)
  if (!isPlain(path) || rest.includes('#')) return null
  const url = URL.parse(base + rest)
  return url !== null && url.href.startsWith(base) ? url.href : null
}

/** Whether it has the same segments in every reading, and none that leads up. */
function isPlain(path: string): boolean {
  let text = path
  for (let decodings = 0; decodings <= decodingsMax; decodings++) {
    // Some servers take what stands behind a semicolon off a segment.
    if (/[\\\p{Cc}]/u.test(text) || text.split('/').some(segment => /^\.\.(;|$)/.test(segment))) return false
    const decoded = text.replace(/%[0-9a-f]{2}/gi, code => String.fromCharCode(Number(`0x${code.slice(1)}`)))
    if (decoded === text) return true
    if (decoded.split('/').length !== text.split('/').length) return false
    text = decoded
  }
  return false
}
