/**
 * Who may speak to the local page. Any web site that is open in a browser of this machine can send requests to loopback, and
 * by DNS rebinding even read the answers (Transmission, CVE-2018-5702). So:
 *
 * - Host must be one of our own names: a rebound name is somebody else's.
 * - Origin and Sec-Fetch-Site, where a browser sends them, must be ours; there is no CORS.
 * - Every change needs the token that only a reader of the data folder knows, in a header that a foreign page cannot send.
 *
 * Pure functions over a request's head, so that each rule is a line of a test.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Refusal {
  readonly status: 400 | 401 | 403
  readonly code: string
  readonly message: string
}

/** Names under which the page on this port may be called. */
export function allowedHosts(port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]']
  return new Set([...names.map(name => `${name}:${port}`), ...(port === 80 ? names : [])])
}

type RequestHead = Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'method' | 'url'>

/** Null when the request may go on. */
export function refuseRequest(
  request: RequestHead,
  hosts: ReadonlySet<string>,
  isDocument: boolean
): Refusal | null {
  const named = request.headersDistinct['host'] ?? []
  const host = named[0]?.toLowerCase()
  if (named.length !== 1 || host === undefined || !hosts.has(host)) {
    return forbidden('bad-host', 'this page answers only to 127.0.0.1, localhost and [::1] with its port')
  }
  if (request.url?.startsWith('/') !== true) {
    return {
      status: 400,
      code: 'bad-target',
      message: 'ask for a path, like /api/v1/status; this is no proxy'
    }
  }
  const { origin } = request.headers
  if (origin !== undefined && !isOwnOrigin(origin, hosts)) {
    return forbidden('bad-origin', 'other web pages may not speak to this agent')
  }
  const from = request.headers['sec-fetch-site']
  // A link from elsewhere may lead to the page (not into a frame), nothing else may come from another site.
  const isNavigation =
    isDocument && request.method === 'GET' && request.headers['sec-fetch-dest'] === 'document'
  if (from !== undefined && from !== 'same-origin' && from !== 'none' && !isNavigation) {
    return forbidden('bad-origin', 'other web pages may not speak to this agent')
  }
  return null
}

/** Null when the request shows the token. */
export function refuseChange(request: RequestHead, token: string): Refusal | null {
  const shown = /^Bearer ([\w-]{1,128})$/.exec(request.headers.authorization ?? '')?.[1]
  if (shown !== undefined && timingSafeEqual(digest(shown), digest(token))) return null
  return {
    status: 401,
    code: 'token-needed',
    message:
      'changes, and who fetched what, need the header `authorization: Bearer <token>` with the text of page.token in the data folder'
  }
}

function isOwnOrigin(origin: string, hosts: ReadonlySet<string>): boolean {
  return origin.startsWith('http://') && hosts.has(origin.slice('http://'.length).toLowerCase())
}

/** Equal lengths for the comparison, whatever was shown. */
const digest = (text: string) => createHash('sha256').update(text).digest()

const forbidden = (code: string, message: string): Refusal => ({ status: 403, code, message })
