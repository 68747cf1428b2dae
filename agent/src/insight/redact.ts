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
/** What is under these is a host, however it is spelled. */
const hostNames = /^(hosts?|target|servername|sni)$/i
const blank = '[removed]'

/** @param keys of contents, like `origin.example/a.msu` @param withNames host names and names of contents stay in */
export function createRedactor(keys: readonly string[], withNames: boolean): Redactor {
  // Looked up word by word and not searched for: a cache may hold thousands, and the agent does nothing else meanwhile.
  const contents = new Map<string, string>()
  const hosts = new Set<string>()
  for (const key of withNames ? [] : keys) {
    // One with a query is told without it elsewhere.
    for (const name of [key, key.replace(/\?.*$/s, '')]) contents.set(name, `content-${shortHash(name)}`)
    const host = key.replace(/^https:\/\//, '').replace(/[:/].*$/s, '')
    if (host.includes('.')) hosts.add(host.toLowerCase())
  }

  function text(given: string): string {
    if (/^[\w-]*$/.test(given) && !given.includes('STARLING1-')) return given
    const result = (withNames ? given : given.replace(/[^\s"'<>]+/g, word => contentOf(word)))
      .replace(/STARLING1-[\w-]+/g, blank)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${blank}`)
      .replace(/(:\/\/)[^\s/@"'<>]*@/g, '$1')
      .replace(/[^\s"'<>]+/g, word => (word.includes('/') ? word.replace(/[?#].*$/s, '') : word))
    if (withNames) return result
    return (
      result
        .replace(/\b(https?:\/\/)([^\s"'<>]+)/gi, hidden)
        // The key of a content that is no longer here.
        .replace(/(^|[^\w./:@-])((?:[\w-]+\.)+[a-z][\w-]*(?::\d+)?\/[^\s"'<>]*)/gi, hidden)
        .replace(/\b(?:ENOTFOUND|EAI_AGAIN) [\w.-]+/g, words => words.replace(/\S+$/, hostOf))
        .replace(/(?<![\w.-])(?:[\w-]+\.)+[\w-]+/g, word =>
          hosts.has(word.toLowerCase()) ? hostOf(word) : word
        )
    )
  }

  function contentOf(word: string): string {
    const start = /^[([{=,]*/.exec(word)![0].length
    let end = word.length
    while (end > start && '.,:;!)]}'.includes(word[end - 1]!)) end--
    const name = word.slice(start, end)
    const content = contents.get(name) ?? contents.get(name.replace(/^https?:\/\/(?:[^/@]*@)?|[?#].*$/gs, ''))
    return content === undefined ? word : word.slice(0, start) + content + word.slice(end)
  }

  function value(given: unknown): unknown {
    if (typeof given === 'string') return text(given)
    if (Array.isArray(given)) return given.map(one => value(one))
    if (typeof given !== 'object' || given === null) return given
    const entries = Object.entries(given).map(([name, one]) => [text(name), under(name, one)] as const)
    // A peer: its name is that of a PC, and often of who sits there.
    if (!withNames && 'network' in given && 'name' in given && typeof given.name === 'string')
      return { ...Object.fromEntries(entries), name: hostOf(given.name) }
    return Object.fromEntries(entries)
  }

  function under(name: string, one: unknown): unknown {
    if (Array.isArray(one)) return one.map(each => under(name, each))
    if (typeof one !== 'string' || one === '') return value(one)
    if (secretNames.test(name)) return blank
    if (!withNames && name === 'capabilities' && one.startsWith('name:'))
      return `name:${hostOf(one.slice(5))}`
    if (withNames || !hostNames.test(name) || !/^(?:\*\.)?[\w.-]+(?::\d+)?$/.test(one)) return text(one)
    return one.replace(/[\w-][\w.-]*/, hostOf)
  }

  return { value }
}

function hidden(whole: string, before: string, rest: string): string {
  const [authority = ''] = rest.split('/')
  const host = authority.replace(/:\d+$/, '')
  if (isOwn.has(host)) return whole
  const port = authority.slice(host.length)
  const path = rest.slice(authority.length)
  const shown = path.length > 1 ? `/path-${shortHash(path)}` : path
  return `${before}host-${shortHash(host.toLowerCase())}${port}${shown}`
}

/** An address without a name stays: who has which on the LAN is told of the peers anyway. */
function hostOf(host: string): string {
  return isOwn.has(host) || !/[a-z]/i.test(host) ? host : `host-${shortHash(host.toLowerCase())}`
}

/** Own addresses say nothing of anybody. */
const isOwn = new Set(['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', '[::]'])

const shortHash = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 10)
