/**
 * A purge: everything of a key or of a content class that was signed at or before a moment is forgotten, and is not taken
 * any more from anybody. What is signed later counts again, so nothing has to be put back afterwards, and an agent that slept
 * through a purge cannot bring the old version back: who heard of it refuses what that agent offers.
 *
 * Clocks of a fleet differ, so moments are kept in order by hand: who purges says a moment not before anything it
 * knows of the target, and who has heard of a purge signs what it concerns later than it (`PurgeBook.signAfter`).
 */
import { encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import { classesWith, genericClass } from './content-classes/classes.ts'
import { recognise } from './content-classes/recognise.ts'
import type { Proof } from './credential.ts'
import { assert, StarlingError } from './errors.ts'
import type { KeyHash } from './ids.ts'
import { keyHashOf, type Head, type Signature, type SignatureLimits } from './manifest.ts'
import { dayMs, minuteMs, type Millis } from './units.ts'

/** Of a key, all versions. */
export type PurgeTarget =
  | { readonly kind: 'key'; readonly key: KeyHash }
  | { readonly kind: 'class'; readonly id: string }

export interface Purge {
  readonly target: PurgeTarget
  readonly purgedAt: Millis
}

/** A purge as it travels: `signed.issuedAt` is when. */
export interface SignedPurge {
  readonly target: PurgeTarget
  readonly signed: Signature
}

/** What lets an agent pass a purge on: its issuer's signature, and the proof that the issuer may. */
export interface PurgeWord {
  readonly signed: Signature
  readonly proof: Proof
}

export interface KeptPurge extends Purge {
  /** Null: it came from the coordinator, from whom all hear it, or is for this agent alone. May be older than `purgedAt`. */
  readonly word: PurgeWord | null
}

/** No signature counts for longer (identity/limits.ts), so nothing older than that can come back anyway. */
export const purgeLifeMs: Millis = 30 * dayMs
/** About 1 KB each with its proof. The oldest go: what they forbid has had the longest time to expire. */
export const purgesKeptMax = 1000
/** A script that purges a release's files one by one fits; who wants more purges a class. */
export const purgesPerIssuerMax = 64
export const purgeWindowMs: Millis = minuteMs
/** A peer that comes is told so many, the newest; with the coordinator's list it catches up on all. */
export const purgesToldMax = 64
/** The coordinator tells so many in one heartbeat's answer, the rest in the next. */
export const purgesPerAnswerMax = 100
export const classIdLengthMax = 64

assert(purgesToldMax <= purgesPerIssuerMax, 'what a peer tells at once must not be taken for a flood')

/** What a purge's signature is over; see manifest.ts. */
export function purgeSigningBytes(target: PurgeTarget, limits: SignatureLimits): Uint8Array {
  return encode([
    'starling/purge/1',
    target.kind,
    target.kind === 'key' ? target.key : target.id,
    limits.issuer,
    limits.issuedAt,
    limits.expiresAt,
    limits.serial
  ])
}

/** Whether content of this key and class is what the target means. */
export function isOf(
  target: PurgeTarget,
  { key, contentClass }: Pick<Head, 'key' | 'contentClass'>
): boolean {
  return target.kind === 'class' ? target.id === contentClass : target.key === keyHashOf(key)
}

/** `key <hash>` or `class <id>`: for maps and logs. */
export function nameOfTarget(target: PurgeTarget): string {
  return target.kind === 'key' ? `key ${target.key}` : `class ${target.id}`
}

// ------------------------------------------------------------------------------------------------- what is asked for

/** What an admin asks to purge, as the APIs of agent and coordinator take it. */
export const purgeRequestShape = z.union([
  z.strictObject({ url: z.string().min(1).max(8192) }),
  z.strictObject({ key: z.string().min(1).max(4096) }),
  z.strictObject({ class: z.string().min(1).max(classIdLengthMax) })
])
export type PurgeRequest = z.infer<typeof purgeRequestShape>

/** @throws StarlingError `bad-url` */
export function targetOf(request: PurgeRequest): PurgeTarget {
  if ('class' in request) return { kind: 'class', id: request.class }
  return { kind: 'key', key: keyHashOf('url' in request ? recognise(request.url).key : request.key) }
}

/**
 * From what a person types: a URL, the id of a content class, or a key as `starling cache ls` shows it.
 * @param isKnown whether something is kept under this key, where that can be asked
 * @throws StarlingError `unknown-content`
 */
export function requestOf(typed: string, isKnown: (key: string) => boolean = () => false): PurgeRequest {
  // A key of https looks like its URL, and is meant as the key that it is.
  if (isKnown(typed)) return { key: typed }
  if (/^https?:\/\//i.test(typed)) return { url: typed }
  const classes = [...classesWith([]), genericClass]
    .filter(({ neverShared }) => neverShared === undefined)
    .map(({ id }) => id)
  if (classes.includes(typed)) return { class: typed }
  if (/^(sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|[^\s/]+\/\S*)$/.test(typed)) return { key: typed }
  throw new StarlingError(
    'unknown-content',
    `${JSON.stringify(typed)} is no URL, no key (they look like host/path, or sha1:...; \`starling cache ls\` lists them) ` +
      `and no content class (${classes.join(', ')})`
  )
}
