/** Which header fields go on to the next hop, and what a proxy adds (RFC 9110, 7.6). */
import type { IncomingMessage } from 'node:http'
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'

/** About one connection only. `proxy-authorization` is meant for us, and must not leave this machine. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings'
])

export function headersOf(message: Pick<IncomingMessage, 'rawHeaders'>): HeaderList {
  const raw = message.rawHeaders
  return Array.from({ length: raw.length / 2 }, (_, index) => [
    raw[2 * index]!.toLowerCase(),
    raw[2 * index + 1]!
  ])
}

/** Whether a request has a body: `Content-Length: 0` is none (Windows sends it with a GET). */
export function hasBody(headers: HeaderList): boolean {
  return headers.some(
    ([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && Number(value) > 0)
  )
}

/** Without what is about one connection: the fixed names and those that Connection lists. */
export function endToEnd(headers: HeaderList): HeaderList {
  const listed = new Set(tokensOf(headerOf(headers, 'connection')))
  return headers.filter(([name]) => !hopByHop.has(name) && !listed.has(name))
}

/** As one value a name, which is what undici takes. Of repeated Range headers the last one counts. */
export function asRecord(headers: HeaderList): Record<string, string> {
  const record: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of headers) {
    const before = record[name]
    if (before === undefined || name === 'range') record[name] = value
    else record[name] = `${before}${name === 'cookie' ? ';' : ','} ${value}`
  }
  return record
}

/** The Via for the next hop: whoever passed it on before, then us (RFC 9110, 7.6.3). */
export function viaOf(headers: HeaderList, httpVersion: string, name: string): string {
  return [headerOf(headers, 'via'), `${httpVersion} ${name}`].filter(entry => entry !== null).join(', ')
}

/** Whether one of the Via fields was written by us: then the request has come round. */
export function hasPassed(headers: HeaderList, name: string): boolean {
  return tokensOf(headerOf(headers, 'via')).some(entry => entry.split(/\s+/)[1] === name)
}

/** The `X-Starling` response header, for admins: how an answer came about, and why not otherwise. */
export function explanation(how: 'swarm' | 'cache' | 'pass' | 'own', detail: string): string {
  return `${how}; ${detail.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)}`
}
