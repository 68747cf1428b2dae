/**
 * What leaves the machine in a support bundle. Queries, credentials, tokens and secrets go in any case. What people downloaded, and
 * from where, goes unless they say otherwise; the same name becomes the same word, so that lines can still be held together.
 *
 * By the shape of text and not of data: a log line may carry a URL in any field, and in the middle of a sentence.
 */
import { createHash } from 'node:crypto'

export interface Redactor {
  /** Every text in it, at any depth; what is under a secret's name is blanked. */
  value(value: unknown): unknown
}

const secretNames = /token|secret|password|passwd|credential|ticket|authorization|cookie|proof|privatekey/i
const blank = '[removed]'

/** @param keys of contents, like `origin.example/a.msu` @param withNames host names and names of contents stay in */
export function createRedactor(keys: readonly string[], withNames: boolean): Redactor {
  // A longer key may begin with a shorter one, and one with a query is told without it elsewhere.
  const known = withNames
    ? []
    : [...new Set(keys.flatMap(key => [key, key.replace(/\?.*$/s, '')]))].toSorted(
        (one, other) => other.length - one.length
      )

  function text(given: string): string {
    let named = given
    for (const key of known)
      if (named.includes(key)) named = named.replaceAll(key, () => `content-${shortHash(key)}`)
    const result = named
      .replace(/STARLING1-[\w-]+/g, blank)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${blank}`)
      .replace(/(:\/\/)[^\s/@"'<>]*@/g, '$1')
      .replace(/[^\s"'<>]+/g, word => (word.includes('/') ? word.replace(/[?#].*$/s, '') : word))
    return withNames ? result : result.replace(/\b(https?:\/\/)([^\s"'<>]+)/gi, hidden)
  }

  function value(given: unknown): unknown {
    if (typeof given === 'string') return text(given)
    if (Array.isArray(given)) return given.map(one => value(one))
    if (typeof given !== 'object' || given === null) return given
    return Object.fromEntries(
      Object.entries(given).map(([name, one]) => [
        text(name),
        secretNames.test(name) && typeof one === 'string' && one !== '' ? blank : value(one)
      ])
    )
  }

  return { value }
}

/** Own addresses say nothing of anybody. */
function hidden(whole: string, scheme: string, rest: string): string {
  const [authority = ''] = rest.split('/')
  const host = authority.replace(/:\d+$/, '')
  if (['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', '[::]'].includes(host)) return whole
  const port = authority.slice(host.length)
  const path = rest.slice(authority.length)
  return `${scheme}host-${shortHash(host)}${port}${path.length > 1 ? `/path-${shortHash(path)}` : path}`
}

const shortHash = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 10)
