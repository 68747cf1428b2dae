/**
 * A ticket is what an admin gives a new machine so that it can join: everything it needs to find the coordinator,
 * to know it from an impostor, and to be let in, as one line that survives mail and the command line.
 *
 * `STARLING1-` and base64url of (dag-cbor, then the first 4 bytes of its SHA-256). The checksum is there for people:
 * a ticket that was cut off while copying gets another answer than one that the coordinator does not know.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url } from 'multiformats/bases/base64'
import { z } from 'zod'
import { StarlingError } from './errors.ts'
import { isAgentId, isSiteId, type AgentId, type SiteId } from './ids.ts'
import type { Millis } from './units.ts'

export interface Ticket {
  /** `https://host:port`, tried in this order. */
  readonly addresses: readonly string[]
  /** Who must answer there. */
  readonly coordinator: AgentId
  /** Public fleet key in PeerId form: whose word every credential of this fleet goes back to. */
  readonly fleet: AgentId
  /** 32 random bytes, base64url. */
  readonly secret: string
  readonly expiresAt: Millis
  readonly site: SiteId
}

export const ticketSecretShape = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
export const coordinatorAddressShape = z
  .string()
  .max(300)
  .regex(/^https:\/\/[^/\s?#@]+:\d{1,5}$/)

const prefix = 'STARLING1-'
const checksumBytes = 4
/** Our longest (8 addresses) is near 3,000 characters; beyond this somebody pasted a file. */
const textMax = 8192

// Short keys, because people read tickets aloud and paste them into terminals.
const shape = z.strictObject({
  a: z.array(coordinatorAddressShape).min(1).max(8),
  c: z.string().refine(isAgentId),
  f: z.string().refine(isAgentId),
  s: ticketSecretShape,
  e: z.number().int().nonnegative(),
  w: z.string().refine(isSiteId)
})

export function formatTicket(ticket: Ticket): string {
  const body = encode({
    a: ticket.addresses,
    c: ticket.coordinator,
    f: ticket.fleet,
    s: ticket.secret,
    e: ticket.expiresAt,
    w: ticket.site
  })
  const whole = new Uint8Array(body.length + checksumBytes)
  whole.set(body)
  whole.set(checksumOf(body), body.length)
  return prefix + base64url.baseEncode(whole)
}

/**
 * White space is skipped: mail programs break long lines.
 * @throws StarlingError `ticket-not-one`, `ticket-newer`, `ticket-cut`
 */
export function parseTicket(text: string): Ticket {
  const line = text.slice(0, textMax + 1).replace(/\s+/g, '')
  if (line.length > textMax || !/^STARLING\d+-/.test(line)) {
    throw new StarlingError(
      'ticket-not-one',
      `this is not a ticket: a ticket is one line that begins with ${prefix} (starling-coordinator ticket create prints one)`
    )
  }
  if (!line.startsWith(prefix)) {
    throw new StarlingError(
      'ticket-newer',
      'this ticket was made by another version of Starling: update this agent'
    )
  }
  const parsed = shape.safeParse(bodyOf(line.slice(prefix.length)))
  if (!parsed.success) {
    throw new StarlingError(
      'ticket-newer',
      'this ticket is whole but says what this version does not understand: update this agent'
    )
  }
  const { a, c, f, s, e, w } = parsed.data
  return { addresses: a, coordinator: c, fleet: f, secret: s, expiresAt: e, site: w }
}

function bodyOf(encoded: string): unknown {
  try {
    const whole = base64url.baseDecode(encoded)
    const body = whole.subarray(0, -checksumBytes)
    const checksum = whole.subarray(-checksumBytes)
    if (whole.length > checksumBytes && checksumOf(body).every((byte, at) => byte === checksum[at]))
      return decode(body)
  } catch {
    // Not base64url, or not a whole number of bytes: the same advice.
  }
  throw new StarlingError(
    'ticket-cut',
    `this ticket is cut off or mistyped: copy the whole line, from ${prefix} to its last character`
  )
}

function checksumOf(body: Uint8Array): Uint8Array {
  return sha256(body).subarray(0, checksumBytes)
}
