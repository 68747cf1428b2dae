/**
 * What Node's parser lets through although two servers could read it in two ways, pure (RFC 9112, 3.2 and 6.1). The rest
 * (two lengths, a length beside chunks, folded lines, bare line feeds) it refuses by itself; smuggling.test.ts holds it
 * to that.
 */
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { hasBody } from './fields.ts'

export interface Refusal {
  readonly status: number
  readonly text: string
}

/** Null: nothing is wrong. */
export function framingProblem(method: string, httpVersion: string, headers: HeaderList): Refusal | null {
  if (headers.filter(([name]) => name === 'host').length > 1)
    return { status: 400, text: 'this request has two Host fields: send one' }
  const encoding = headerOf(headers, 'transfer-encoding')
  if (encoding !== null && httpVersion === '1.0')
    return { status: 400, text: 'HTTP/1.0 knows no Transfer-Encoding: send a Content-Length' }
  const codings = tokensOf(encoding)
  if (encoding !== null && codings.at(-1) !== 'chunked')
    return {
      status: 400,
      text: 'where this request ends cannot be told: chunked is not its last transfer encoding'
    }
  if (codings.length > 1)
    return { status: 501, text: 'of all transfer encodings this proxy knows chunked only' }
  if (method === 'TRACE' && hasBody(headers))
    return { status: 400, text: 'a TRACE has no body (RFC 9110, 9.3.8)' }
  return null
}
