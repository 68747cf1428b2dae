/**
 * The query that Delivery Optimization's content servers want: P1 is the second at which it expires, P2 and P3 are kinds
 * of content and signature, P4 is the signature over path and the other three. It differs from request to request and
 * from client to client for the same file, which is why nobody may take it for a part of the file's name.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { secondMs, type Millis } from '@starling/shared/units.ts'

export interface UrlSigner {
  /** The query with its question mark, good for `lifetimeMs` from now on. */
  sign(path: string, lifetimeMs: Millis): string
  /** Null if the query is good, else why not. */
  refusal(path: string, query: URLSearchParams): string | null
}

const kinds = { P2: '404', P3: '2' }

export function createUrlSigner(secret: string, now: () => Millis): UrlSigner {
  const signature = (path: string, expiry: string, kind: string, form: string): Buffer =>
    createHmac('sha512', secret).update(`${path}\n${expiry}\n${kind}\n${form}`).digest()
  return {
    sign(path, lifetimeMs) {
      const expiry = String(Math.floor((now() + lifetimeMs) / secondMs))
      const text = signature(path, expiry, kinds.P2, kinds.P3).toString('base64')
      // Microsoft's own escapes have small letters.
      const escaped = encodeURIComponent(text).replace(/%../g, escape => escape.toLowerCase())
      return `?P1=${expiry}&P2=${kinds.P2}&P3=${kinds.P3}&P4=${escaped}`
    },
    refusal(path, query) {
      const [expiry, kind, form, given] = ['P1', 'P2', 'P3', 'P4'].map(name => query.get(name) ?? '')
      const expected = signature(path, expiry!, kind!, form!)
      const bytes = Buffer.from(given!, 'base64')
      if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected))
        return 'the signature is wrong'
      return Number(expiry) * secondMs <= now() ? 'the signature has expired' : null
    }
  }
}
