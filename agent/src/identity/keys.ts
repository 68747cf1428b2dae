/**
 * Who this machine is: one Ed25519 key, made at first start and kept in the data folder. Its public half is the
 * AgentId; the private half never leaves the machine and never reaches a log (the KeyObject prints as opaque).
 *
 * The file is a PKCS#8 PEM with one line above it that names the AgentId. PEM readers skip that line; we compare
 * it, because a flipped bit in an Ed25519 seed is still a valid seed: without the line a damaged disk would
 * quietly turn this agent into a stranger. For the same reason a bad file is an error, never a reason to make a new key.
 */
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { agentIdOfPublicKey } from './agent-key.ts'
import { createSecretFile, readSecretFile } from './secret-file.ts'

export interface Identity {
  readonly agentId: AgentId
  /** The same key as libp2p wants it. */
  readonly libp2pKey: Ed25519PrivateKey
  /** The same key as node:tls and node:crypto want it. */
  readonly nodeKey: KeyObject
  /** 64 bytes of Ed25519. */
  sign(bytes: Uint8Array): Uint8Array
}

export const identityFileName = 'identity.key'

/**
 * The identity kept in `folder` (made, with the folder, if there is none).
 * @throws StarlingError `identity-damaged`, `secret-file-exposed`, `secret-file-unreadable`, `secret-file-unwritable`
 */
export async function loadOrCreateIdentity(folder: string, fileName = identityFileName): Promise<Identity> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, fileName)
  const kept = await readSecretFile(path)
  if (kept !== null) return parse(path, kept.toString('utf8'))
  const fresh = createIdentity()
  if (await createSecretFile(path, fileText(fresh))) return fresh
  // Another process was faster by a moment: its key is the key.
  return loadOrCreateIdentity(folder, fileName)
}

/** A new identity that lives in memory only: for tests and tools. */
export function createIdentity(): Identity {
  return identityOf(generateKeyPairSync('ed25519').privateKey)
}

function identityOf(nodeKey: KeyObject): Identity {
  const { d, x } = nodeKey.export({ format: 'jwk' })
  const seed = Buffer.from(String(d), 'base64url')
  const publicKey = Buffer.from(String(x), 'base64url')
  const libp2pKey = privateKeyFromRaw(Buffer.concat([seed, publicKey]))
  if (libp2pKey.type !== 'Ed25519') throw new Error(`bug: an Ed25519 key became ${libp2pKey.type}`)
  return {
    agentId: agentIdOfPublicKey(publicKey),
    libp2pKey,
    nodeKey,
    sign: bytes => new Uint8Array(sign(null, bytes, nodeKey))
  }
}

function fileText(identity: Identity): string {
  return `Starling identity ${identity.agentId}\n${String(identity.nodeKey.export({ format: 'pem', type: 'pkcs8' }))}`
}

function parse(path: string, text: string): Identity {
  const named = /^Starling identity (\S+)\r?\n/.exec(text)?.[1]
  let identity: Identity
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${key.asymmetricKeyType}`)
    identity = identityOf(key)
  } catch (cause) {
    throw damaged(path, 'does not hold an Ed25519 key', cause)
  }
  if (identity.agentId !== named)
    throw damaged(path, `holds a key that is not the one it names (${named ?? 'none'})`)
  return identity
}

function damaged(path: string, how: string, cause?: unknown): StarlingError {
  return new StarlingError(
    'identity-damaged',
    `${path} ${how}: restore it from a backup, or move it away to let Starling make a new identity (which then has ` +
      'to join the fleet again with a ticket)',
    { cause }
  )
}
