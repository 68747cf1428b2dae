/**
 * The fleet secret: what agents without a coordinator share so that they accept each other. Whoever knows it is
 * a member, so it must be 256 random bits; a password is refused. There is none by default.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { secretProofText, type Proof } from '@starling/shared/credential.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'

const secretBytes = 32
/** 32 random bytes hold 30 different values on average, and fewer than 20 once in 10^9: less is not random. */
const differentBytesMin = 20

/** 64 hex digits or 43 characters of base64url. */
export function createFleetSecret(): string {
  return randomBytes(secretBytes).toString('base64url')
}

/** @throws StarlingError `fleet-secret-refused` */
export function parseFleetSecret(text: string): Uint8Array {
  const trimmed = text.trim()
  const bytes = /^[0-9a-fA-F]{64}$/.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64url')
      : null
  if (bytes === null)
    throw refused(`has to be 64 hex digits or 43 characters of base64url, not ${trimmed.length} characters`)
  if (favouriteHashes().has(bytes.toString('hex'))) throw refused('is the hash of a well-known word')
  if (new Set(bytes).size < differentBytesMin || looksCounted(bytes)) throw refused('is not random')
  if (/^[\x20-\x7e]+$/.test(bytes.toString('latin1')))
    throw refused('is text written as hex, not random bytes')
  return new Uint8Array(bytes)
}

/** The proof that this agent knows the secret; of no use to anyone whose AgentId is another. */
export function secretProof(secret: Uint8Array, agentId: AgentId, site: SiteId): Proof {
  return { kind: 'secret', site, mac: macOf(secret, agentId, site) }
}

export function checkSecretProof(
  secret: Uint8Array,
  agentId: AgentId,
  proof: Proof & { kind: 'secret' }
): boolean {
  const expected = macOf(secret, agentId, proof.site)
  return proof.mac.length === expected.length && timingSafeEqual(proof.mac, expected)
}

function macOf(secret: Uint8Array, agentId: AgentId, site: SiteId): Uint8Array {
  return new Uint8Array(createHmac('sha256', secret).update(secretProofText(agentId, site)).digest())
}

/** 000102..., and every other run with one step: the favourite of examples in documents. */
function looksCounted(bytes: Buffer): boolean {
  const step = (bytes[1]! - bytes[0]!) & 0xff
  return bytes.every((byte, at) => at === 0 || ((byte - bytes[at - 1]!) & 0xff) === step)
}

/** What people paste when a field asks for 64 hex digits: `echo -n secret | sha256sum`, with and without line feed. */
function favouriteHashes(): Set<string> {
  const words = [
    '',
    'starling',
    'Starling',
    'secret',
    'password',
    'test',
    'changeme',
    'admin',
    'example',
    'hello'
  ]
  return new Set(
    words.flatMap(word => [word, `${word}\n`]).map(word => createHash('sha256').update(word).digest('hex'))
  )
}

function refused(why: string): StarlingError {
  return new StarlingError(
    'fleet-secret-refused',
    `the fleet secret ${why}: make one with "starling secret create" and give the same to every agent of the fleet`
  )
}
