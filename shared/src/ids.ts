/**
 * The names of things. Each is a plain string with a fixed shape, so that it can be a Map key, a log field and
 * a wire field without conversion. Parsing is strict: a name that comes from outside goes through `parse...`.
 */
import { StarlingError } from './errors.ts'

declare const name: unique symbol
type Named<Name extends string> = string & { readonly [name]?: Name }

/** A libp2p PeerId of an Ed25519 key in its base58btc form: `12D3KooW...`, 52 characters. */
export type AgentId = Named<'agent'>
/** SHA-256 over the version of a key, 64 lower-case hex digits (see manifest.ts, `transferIdOf`). */
export type TransferId = Named<'transfer'>
/** SHA-256 of a key, 64 lower-case hex digits: what peers ask for, so that a URL is not told to who does not know it. */
export type KeyHash = Named<'keyHash'>
/** CID (dag-cbor, sha2-256, base32) of a manifest body. */
export type ContentId = Named<'content'>
/** What an admin calls the agents behind one way out: 1 to 64 of `a-z A-Z 0-9 . _ -`. */
export type SiteId = Named<'site'>

const agentIdShape = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
const hex64 = /^[0-9a-f]{64}$/
const siteShape = /^[A-Za-z0-9._-]{1,64}$/

export function isAgentId(text: string): text is AgentId & string {
  return agentIdShape.test(text)
}
export function isTransferId(text: string): text is TransferId & string {
  return hex64.test(text)
}
export function isKeyHash(text: string): text is KeyHash & string {
  return hex64.test(text)
}
export function isSiteId(text: string): text is SiteId & string {
  return siteShape.test(text)
}

/** @throws StarlingError `bad-id` */
export function parseAgentId(text: string): AgentId {
  if (!isAgentId(text)) throw badId('an agent id', text, 'the 52 characters that begin with 12D3KooW')
  return text
}

/** @throws StarlingError `bad-id` */
export function parseTransferId(text: string): TransferId {
  if (!isTransferId(text)) throw badId('a transfer id', text, '64 lower-case hex digits')
  return text
}

/** @throws StarlingError `bad-id` */
export function parseSiteId(text: string): SiteId {
  if (!isSiteId(text))
    throw badId('a site name', text, '1 to 64 letters, digits, dots, dashes or underscores')
  return text
}

function badId(what: string, text: string, shape: string): StarlingError {
  return new StarlingError('bad-id', `${JSON.stringify(text.slice(0, 80))} is not ${what}: give ${shape}`)
}
