/**
 * Secrets at rest. What the database keeps for the coordinator alone (webhooks' addresses, the head of the audit log) is
 * sealed with a data key (AES-256-GCM), and the data key is wrapped by the master key, which is not in the database:
 * a copy of the database, or of its backup, opens nothing. Rotation makes a new data key and seals everything anew;
 * a new master key only wraps the data key again.
 *
 * What is sealed is bound to its name, so that one secret cannot be put in another's place.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { StarlingError } from '@starling/shared/errors.ts'

const algorithm = 'aes-256-gcm'
export const keyBytes = 32
/** NIST SP 800-38D: 96 bits, and at random for fewer than 2^32 uses of a key; the audit log writes one an entry. */
const nonceBytes = 12
const tagBytes = 16

/** 256 bits. */
export type SealingKey = Uint8Array

export function createSealingKey(): SealingKey {
  return new Uint8Array(randomBytes(keyBytes))
}

/** @param name what it is; opening asks for the same. */
export function seal(key: SealingKey, name: string, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(name, 'utf8'))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), sealed]))
}

/** @throws StarlingError `sealed-wrong`: another key, another name, or changed */
export function unseal(key: SealingKey, name: string, sealed: Uint8Array): Uint8Array {
  try {
    const nonce = sealed.subarray(0, nonceBytes)
    const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(Buffer.from(name, 'utf8'))
    decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
    return new Uint8Array(
      Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()])
    )
  } catch (cause) {
    throw new StarlingError(
      'sealed-wrong',
      `"${name}" cannot be unsealed: it was changed, or sealed under another master key; give the master key that belongs to this database`,
      { cause }
    )
  }
}
