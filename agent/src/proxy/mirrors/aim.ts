/** What a mirror makes of a request: an address upstream, or an answer of its own. */
import type { OwnRefusal } from '@starling/shared/policy/access.ts'

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
  /** Which kind of rule refuses it; null: it is no refusal, or of what nobody could have. */
  readonly rule: OwnRefusal | null
}

/** @param rest of the request's target behind `/m/<name>/` */
export type Aim = (method: string, rest: string) => Aimed

export function reply(status: number, text: string, rule: OwnRefusal | null = null): Reply {
  return { kind: 'reply', status, text, allow: null, rule }
}

export function onlyRead(text: string): Reply {
  return { ...reply(405, text, 'mirror-methods'), allow: 'GET, HEAD' }
}
