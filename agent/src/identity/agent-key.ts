/**
 * An AgentId *is* a public key: a libp2p PeerId of an Ed25519 key is that key in an identity multihash
 * (00 24, then the protobuf 08 01 12 20 and 32 bytes), in base58btc. So any signature can be checked with the name
 * of its maker alone: no key server, no table of keys.
 *
 * The work is done by node:crypto, about ten times faster than the pure-JS Ed25519 that libp2p falls back to.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { isAgentId, parseAgentId, type AgentId } from '@starling/shared/ids.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { base58btc } from 'multiformats/bases/base58'

const multihashPrefix = Buffer.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
const publicKeyBytes = 32
/** A large site's worth of keys; parsing one costs about 30 us, keeping one about 300 bytes. */
const parsedKeysMax = 4096

const parsedKeys = new Map<AgentId, KeyObject>()

export function agentIdOfPublicKey(raw: Uint8Array): AgentId {
  if (raw.length !== publicKeyBytes) throw new RangeError(`an Ed25519 public key of ${raw.length} bytes`)
  return parseAgentId(base58btc.baseEncode(Buffer.concat([multihashPrefix, raw])))
}

/** @throws StarlingError `bad-id` for text that has the shape of an id and is none. */
export function publicKeyOf(agentId: AgentId): KeyObject {
  const known = parsedKeys.get(agentId)
  if (known !== undefined) return known
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: rawPublicKeyOf(agentId).toString('base64url') },
    format: 'jwk'
  })
  if (parsedKeys.size >= parsedKeysMax)
    for (const oldest of parsedKeys.keys()) {
      parsedKeys.delete(oldest)
      break
    }
  parsedKeys.set(agentId, key)
  return key
}

/** Never throws: a name that is no key has signed nothing. */
export function verifyBy(agentId: AgentId, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  try {
    return verify(null, bytes, publicKeyOf(agentId), signature)
  } catch {
    return false
  }
}

/** The AgentId of a key that a certificate or a socket showed; null when it is not an Ed25519 key. */
export function agentIdOfKeyObject(key: KeyObject): AgentId | null {
  if (key.asymmetricKeyType !== 'ed25519') return null
  const { x } = key.export({ format: 'jwk' })
  return typeof x === 'string' ? agentIdOfPublicKey(Buffer.from(x, 'base64url')) : null
}

function rawPublicKeyOf(agentId: AgentId): Buffer {
  const bytes = isAgentId(agentId) ? Buffer.from(base58btc.baseDecode(agentId)) : Buffer.alloc(0)
  const prefix = bytes.subarray(0, multihashPrefix.length)
  if (bytes.length !== multihashPrefix.length + publicKeyBytes || !prefix.equals(multihashPrefix)) {
    throw new StarlingError(
      'bad-id',
      `${JSON.stringify(String(agentId).slice(0, 80))} is not the name of an Ed25519 key`
    )
  }
  return bytes.subarray(multihashPrefix.length)
}
