/** What a mirror makes of a request: an address upstream, or an answer of its own. */

export type Aimed =
  | {
      readonly kind: 'target'
      /** Below the mirror's upstream. */
      readonly url: string
      /** Never changes, as only the mirror's kind can tell. */
      readonly isImmutable: boolean
      /** A document with addresses of its own registry in it; see tarball-addresses.ts. */
      readonly isMetadata: boolean
    }
  | Reply

export interface Reply {
  readonly kind: 'reply'
  readonly status: number
  readonly text: string
  /** For the Allow field; null: there is none. */
  readonly allow: string | null
}

/** @param rest of the request's target behind `/m/<name>/` */
export type Aim = (method: string, rest: string) => Aimed

export function reply(status: number, text: string, allow: string | null = null): Reply {
  return { kind: 'reply', status, text, allow }
}
