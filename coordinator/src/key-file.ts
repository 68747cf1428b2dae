/**
 * The keys of a coordinator in one file under a passphrase, to be kept apart from its backups: the fleet's key, the
 * coordinator's own and the master key. With it and a backup a lost coordinator is brought back whole; with it alone anybody
 * who knows the passphrase speaks for the fleet.
 *
 * The passphrase becomes a key by argon2id, at a cost for who may guess at leisure; AES-256-GCM does the rest.
 */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecretFile, readSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { z } from 'zod'
import { formatMasterKey, masterKeyFileName } from './master-key.ts'
import { derive, fileCost, refuseWeak } from './passwords.ts'
import { seal, unseal, type SealingKey } from './sealing.ts'

const sealedName = 'coordinator-keys'
const keyFiles = ['fleet.key', 'coordinator.key'] as const
const fileShape = z.object({
  starling: z.literal('coordinator-keys'),
  format: z.literal(1),
  kdf: z.object({
    name: z.literal('argon2id'),
    memory: z.number().int().min(8).max(1_048_576),
    passes: z.number().int().min(1).max(16),
    parallelism: z.number().int().min(1).max(16),
    nonce: z.string()
  }),
  sealed: z.string()
})
const keysShape = z.object({
  'fleet.key': z.string(),
  'coordinator.key': z.string(),
  [masterKeyFileName]: z.string()
})

/** @throws StarlingError `password-weak`, `no-keys`, `key-file-exists` */
export async function exportKeys(
  dataFolder: string,
  masterKey: SealingKey,
  path: string,
  passphrase: string
): Promise<void> {
  refuseWeak(passphrase, 'starling')
  const keys: Record<string, string> = { [masterKeyFileName]: formatMasterKey(masterKey) }
  for (const name of keyFiles) {
    const bytes = await readSecretFile(join(dataFolder, name))
    if (bytes === null)
      throw new StarlingError(
        'no-keys',
        `there is no ${name} in ${dataFolder}: name the data folder with --data`
      )
    keys[name] = bytes.toString('utf8')
  }
  const nonce = randomBytes(16)
  const key = await derive(passphrase, nonce, fileCost)
  const sealed = seal(key, sealedName, Buffer.from(JSON.stringify(keys)))
  const file: z.input<typeof fileShape> = {
    starling: 'coordinator-keys',
    format: 1,
    kdf: { name: 'argon2id', ...fileCost, nonce: nonce.toString('base64') },
    sealed: Buffer.from(sealed).toString('base64')
  }
  if (!(await createSecretFile(path, `${JSON.stringify(file)}\n`)))
    throw new StarlingError('key-file-exists', `${path} is there already: give another name`)
}

/** @throws StarlingError `key-file-damaged`, `passphrase-wrong`, `keys-exist` */
export async function importKeys(dataFolder: string, path: string, passphrase: string): Promise<void> {
  const text = (await readSecretFile(path))?.toString('utf8') ?? ''
  const file = parsed(fileShape, text, path)
  const { nonce, memory, passes, parallelism } = file.kdf
  const key = await derive(passphrase, Buffer.from(nonce, 'base64'), { memory, passes, parallelism })
  let plain: Uint8Array
  try {
    plain = unseal(key, sealedName, Buffer.from(file.sealed, 'base64'))
  } catch (cause) {
    throw new StarlingError(
      'passphrase-wrong',
      `this is not the passphrase of ${path}, or the file was changed`,
      {
        cause
      }
    )
  }
  const keys = Object.entries(parsed(keysShape, Buffer.from(plain).toString('utf8'), path))
  // All are looked at before any is written.
  for (const [name, content] of keys) {
    const there = await readSecretFile(join(dataFolder, name))
    if (there !== null && there.toString('utf8').trim() !== content.trim())
      throw new StarlingError(
        'keys-exist',
        `${join(dataFolder, name)} holds another key: stop the coordinator, move the file away and import again`
      )
  }
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  for (const [name, content] of keys) await createSecretFile(join(dataFolder, name), content)
}

function parsed<Shape extends z.ZodType>(shape: Shape, text: string, path: string): z.output<Shape> {
  try {
    return shape.parse(JSON.parse(text))
  } catch (cause) {
    throw new StarlingError('key-file-damaged', `${path} is no file of "starling-coordinator key export"`, {
      cause
    })
  }
}
