/**
 * Where the master key comes from, which wraps the data keys (sealing.ts): a file that is named, the environment, or, by
 * default, `master.key` in the data folder, made at first start. On Windows the file can be kept under DPAPI of the
 * machine (`--master-key-dpapi`), so that a copy of the disk does not give it away.
 *
 * Several coordinators on one database need the same master key: `starling-coordinator key export` carries it.
 *
 * A new one is first written beside it (`.next`), then the data keys are wrapped by it in one transaction, then it takes
 * the old one's place. Whoever finds that the key at hand does not fit looks at both files: so a coordinator that was
 * killed in between starts, and one that has been given the new file takes it up without a restart.
 */
import { spawn } from 'node:child_process'
import { rename } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { createSecretFile, readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import { createSealingKey, keyBytes, type SealingKey } from './sealing.ts'

export const masterKeyVariable = 'STARLING_COORDINATOR_MASTER_KEY'
export const masterKeyFileName = 'master.key'
export const dpapiFileName = 'master.key.dpapi'
export const nextSuffix = '.next'

export type MasterKeyPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'dpapi'; readonly path: string }
  | { readonly kind: 'made'; readonly path: string }

/** @throws StarlingError `bad-config` when two places are named */
export function masterKeyPlace(
  dataFolder: string,
  told: { readonly file?: string | undefined; readonly dpapi?: boolean | undefined },
  environment: Readonly<Record<string, string | undefined>>
): MasterKeyPlace {
  const fromEnvironment = environment[masterKeyVariable]
  const places: MasterKeyPlace[] = [
    ...(told.file === undefined ? [] : [{ kind: 'file', path: told.file } as const]),
    ...(told.dpapi === true ? [{ kind: 'dpapi', path: join(dataFolder, dpapiFileName) } as const] : []),
    ...(fromEnvironment === undefined ? [] : [{ kind: 'text', text: fromEnvironment } as const])
  ]
  if (places.length > 1)
    throw new StarlingError(
      'bad-config',
      `the master key is named twice: give one of --master-key-file, --master-key-dpapi and ${masterKeyVariable}`
    )
  return places[0] ?? { kind: 'made', path: join(dataFolder, masterKeyFileName) }
}

/** @throws StarlingError `master-key-missing`, `master-key-damaged`, `dpapi-failed`, those of readSecretFile */
export async function loadMasterKey(place: MasterKeyPlace): Promise<SealingKey> {
  switch (place.kind) {
    case 'text':
      return parse(place.text, masterKeyVariable)
    case 'file':
      return parse(await read(place.path), place.path)
    case 'made':
      await createSecretFile(place.path, formatMasterKey(createSealingKey()))
      return parse(await read(place.path), place.path)
    case 'dpapi': {
      if ((await readSecretFile(place.path)) === null)
        await createSecretFile(place.path, await dpapi('Protect', formatMasterKey(createSealingKey())))
      return parse(await dpapi('Unprotect', await read(place.path)), place.path)
    }
  }
}

/**
 * Looks again where the key is kept, and beside it. What lies beside it and fits takes its place.
 * @returns null: neither fits
 * @throws as `loadMasterKey`, and `secret-file-unwritable` when it fits and cannot take the place
 */
export async function findMasterKey(
  place: MasterKeyPlace,
  fits: (key: SealingKey) => boolean
): Promise<SealingKey | null> {
  if (place.kind === 'text') return null
  const key = await readKey(place, place.path)
  if (key !== null && fits(key)) return key
  const next = await readKey(place, place.path + nextSuffix)
  if (next === null || !fits(next)) return null
  await rename(place.path + nextSuffix, place.path).catch((cause: unknown) => {
    throw new StarlingError(
      'secret-file-unwritable',
      `${place.path} cannot be replaced by the new master key, ${place.path}${nextSuffix} (${messageOf(cause)}): give the user that runs the coordinator the right to`,
      { cause }
    )
  })
  return next
}

/**
 * Writes a new master key beside the one in use. One that lies there from a change that was broken off is gone on with.
 * @param from holds the new key; null: one is made
 * @throws StarlingError `master-key-elsewhere`, and as `loadMasterKey`
 */
export async function bringMasterKey(place: MasterKeyPlace, from: string | null): Promise<SealingKey> {
  if (place.kind === 'text')
    throw new StarlingError(
      'master-key-elsewhere',
      `the master key comes from ${masterKeyVariable}, which the coordinator cannot change: write it into a file of mode 0600, start the coordinator with --master-key-file instead, and ask again`
    )
  const path = place.path + nextSuffix
  const there = from === null ? await readKey(place, path) : null
  if (there !== null) return there
  const key = from === null ? createSealingKey() : parse(await read(from), from)
  const written = formatMasterKey(key)
  await writeSecretFile(path, place.kind === 'dpapi' ? await dpapi('Protect', written) : written)
  return key
}

export function formatMasterKey(key: SealingKey): string {
  return Buffer.from(key).toString('base64url')
}

async function readKey({ kind }: MasterKeyPlace, path: string): Promise<SealingKey | null> {
  const written = (await readSecretFile(path))?.toString('utf8')
  if (written === undefined) return null
  return parse(kind === 'dpapi' ? await dpapi('Unprotect', written) : written, path)
}

async function read(path: string): Promise<string> {
  const bytes = await readSecretFile(path)
  if (bytes === null)
    throw new StarlingError(
      'master-key-missing',
      `there is no ${path}: bring the master key that belongs to this database ("starling-coordinator key import"), for what is sealed cannot be read without it`
    )
  return bytes.toString('utf8')
}

function parse(written: string, where: string): SealingKey {
  const trimmed = written.trim()
  if (/^[A-Za-z0-9_-]{43}$/.test(trimmed)) {
    const key = Buffer.from(trimmed, 'base64url')
    if (key.length === keyBytes && new Set(key).size > 16) return new Uint8Array(key)
  }
  throw new StarlingError(
    'master-key-damaged',
    `${where} holds no master key: it is 32 random bytes as 43 characters of base64url`
  )
}

/** Of the machine, not of the user: services and administrators share it. The secret goes by stdin, never by argument. */
async function dpapi(what: 'Protect' | 'Unprotect', input: string): Promise<string> {
  if (process.platform !== 'win32')
    throw new StarlingError('dpapi-failed', 'DPAPI is a part of Windows: use --master-key-file here')
  const convert =
    what === 'Protect'
      ? '[Convert]::ToBase64String([Security.Cryptography.ProtectedData]::Protect([Text.Encoding]::ASCII.GetBytes($t), $null, "LocalMachine"))'
      : '[Text.Encoding]::ASCII.GetString([Security.Cryptography.ProtectedData]::Unprotect([Convert]::FromBase64String($t), $null, "LocalMachine"))'
  const script = `Add-Type -AssemblyName System.Security; $t = [Console]::In.ReadToEnd().Trim(); ${convert}`
  const child = spawn('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  child.stdin.end(input)
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code === 0 && out.trim() !== '') return out.trim()
  throw new StarlingError(
    'dpapi-failed',
    `Windows would not ${what.toLowerCase()} the master key: ${err.trim().slice(0, 500)}`
  )
}
