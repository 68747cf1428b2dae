/**
 * Where the master key comes from, which wraps the data keys (sealing.ts): a file that is named, the environment, or, by
 * default, `master.key` in the data folder, made at first start. On Windows the file can be kept under DPAPI of the
 * machine (`--master-key-dpapi`), so that a copy of the disk does not give it away.
 *
 * Several coordinators on one database need the same master key: `starling-coordinator key export` carries it.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { createSecretFile, readSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { createSealingKey, keyBytes, type SealingKey } from './sealing.ts'

export const masterKeyVariable = 'STARLING_COORDINATOR_MASTER_KEY'
export const masterKeyFileName = 'master.key'
export const dpapiFileName = 'master.key.dpapi'

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

export function formatMasterKey(key: SealingKey): string {
  return Buffer.from(key).toString('base64url')
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
