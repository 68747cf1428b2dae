/**
 * The few HTTP header fields that Starling decides by, read strictly: what is not exactly of its grammar counts as not
 * said (RFC 9110, RFC 9111). Headers are lists of pairs, names in lower case, in the order they came.
 */
import { bytesToHex } from '@noble/hashes/utils.js'
import { base64pad } from 'multiformats/bases/base64'
import type { Bytes, Millis } from './units.ts'

export type HeaderList = ReadonlyArray<readonly [name: string, value: string]>

/** All values of a field, joined as RFC 9110 5.3 allows; null if it is absent. */
export function headerOf(headers: HeaderList, name: string): string | null {
  const values = headers.filter(([header]) => header === name).map(([, value]) => value)
  return values.length === 0 ? null : values.join(', ')
}

/** The members of a comma-separated list of tokens, in lower case. */
export function tokensOf(value: string | null): string[] {
  return (value ?? '')
    .split(',')
    .map(token => token.trim().toLowerCase())
    .filter(token => token !== '')
}

/** Directives of Cache-Control (or Pragma), names in lower case, quotes taken off. Null value: it has none. */
export function directivesOf(value: string | null): ReadonlyMap<string, string | null> {
  const directives = new Map<string, string | null>()
  const shape = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"([^"]*)"|([^\s,"]*)))?/g
  for (const [, name, quoted, plain] of (value ?? '').matchAll(shape)) {
    const key = name!.toLowerCase()
    // The stricter of two that contradict each other would be best; the first is what RFC 9111 4.2.1 suggests.
    if (!directives.has(key)) directives.set(key, quoted ?? plain ?? null)
  }
  return directives
}

/** Seconds as RFC 9111 writes them; null for anything else. */
export function secondsOf(value: string | null | undefined): number | null {
  return value !== null && value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : null
}

/** An IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"). `Date.parse` alone takes far too much: "0" is a year to it. */
export function httpDateOf(value: string | null): Millis | null {
  if (value === null || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value))
    return null
  const moment = Date.parse(value)
  return Number.isNaN(moment) ? null : moment
}

/** Bytes as Content-Length writes them; null for anything else, and for several that differ. */
export function contentLengthOf(headers: HeaderList): Bytes | null {
  const values = new Set(
    headers.filter(([name]) => name === 'content-length').map(([, value]) => value.trim())
  )
  const [value] = values
  return values.size === 1 && value !== undefined ? countOf(value) : null
}

export interface ContentRange {
  readonly start: Bytes
  /** Exclusive. */
  readonly end: Bytes
  /** Null: the server does not say (`*`). */
  readonly total: Bytes | null
}

/** `bytes 0-99/1000`; null for anything else, and for what contradicts itself. */
export function contentRangeOf(value: string | null): ContentRange | null {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(value?.trim() ?? '')
  if (match === null) return null
  const start = countOf(match[1]!)
  const last = countOf(match[2]!)
  const total = match[3] === '*' ? null : countOf(match[3]!)
  if (start === null || last === null || last < start) return null
  if (match[3] !== '*' && (total === null || last >= total)) return null
  return { start, end: last + 1, total }
}

/** A strong entity tag as sent, quotes and all; null if it is weak or malformed. */
export function strongEtagOf(value: string | null): string | null {
  return value !== null && /^"[\u0021\u0023-\u007e\u0080-\u00ff]*"$/.test(value) ? value : null
}

/**
 * The SHA-256 that the origin tells of the whole representation, whatever range the response has: `Repr-Digest` (RFC 9530),
 * or `Digest` as it was before (RFC 3230). Null if it tells none, or two that differ. `Content-Digest` is of one
 * message's bytes, and says nothing of the whole.
 */
export function sha256Of(headers: HeaderList): string | null {
  const told = new Set([
    ...digestsIn(headerOf(headers, 'repr-digest'), /^sha-256=:([^:]*):(?:;.*)?$/),
    ...digestsIn(headerOf(headers, 'digest'), /^sha-256=([^;]*)$/i)
  ])
  const [digest] = told
  return told.size === 1 && digest !== undefined ? digest : null
}

function digestsIn(value: string | null, shape: RegExp): string[] {
  return (value ?? '').split(',').flatMap(member => {
    const text = shape.exec(member.trim())?.[1]
    return text !== undefined && /^[A-Za-z0-9+/]{43}=$/.test(text)
      ? [bytesToHex(base64pad.baseDecode(text))]
      : []
  })
}

function countOf(text: string): number | null {
  if (!/^\d{1,16}$/.test(text)) return null
  const count = Number(text)
  return Number.isSafeInteger(count) ? count : null
}
