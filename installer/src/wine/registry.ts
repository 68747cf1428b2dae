/**
 * The registry of a session, through files in UTF-16: what `reg query` prints goes through a code page and loses letters.
 * Keys are written out (`HKEY_LOCAL_MACHINE\SOFTWARE\Starling`), as in those files.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import type { WineSession } from './session.ts'

/** A string, a DWORD, or anything else as it stands in a .reg file: `hex(7):61,00,...`. */
export type RegistryValue = string | number | { readonly raw: string }
export type RegistryValues = Readonly<Record<string, RegistryValue>>

/** @returns the key and all below it, by their whole names; null when there is no such key */
export async function readRegistry(
  wine: WineSession,
  key: string
): Promise<ReadonlyMap<string, RegistryValues> | null> {
  const file = 'registry.reg'
  const { code } = await wine.run('reg', ['export', key, `Z:\\mnt\\exchange\\${file}`, '/y'])
  if (code !== 0) return null
  const text = await readFile(join(wine.exchange, file), 'utf16le')
  await rm(join(wine.exchange, file))
  return parseRegistryFile(text)
}

/** Adds to the key, which is made; values that it has and that are not named stay. @throws StarlingError `wine-registry` */
export async function writeRegistry(wine: WineSession, key: string, values: RegistryValues): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) => `${quoted(name)}=${spelled(value)}`)
  await importFile(wine, [`[${key}]`, ...lines])
}

/** With all below it; none there is as good. @throws StarlingError `wine-registry` */
export async function removeRegistry(wine: WineSession, key: string): Promise<void> {
  await importFile(wine, [`[-${key}]`])
}

async function importFile(wine: WineSession, lines: readonly string[]): Promise<void> {
  const file = 'write.reg'
  const text = ['Windows Registry Editor Version 5.00', '', ...lines, ''].join('\r\n')
  await writeFile(join(wine.exchange, file), `\uFEFF${text}`, 'utf16le')
  const { code, stderr } = await wine.run('reg', ['import', `Z:\\mnt\\exchange\\${file}`])
  await rm(join(wine.exchange, file))
  if (code !== 0)
    throw new StarlingError('wine-registry', `the registry did not take ${lines.join('; ')}: ${stderr}`)
}

export function parseRegistryFile(text: string): ReadonlyMap<string, RegistryValues> {
  const keys = new Map<string, Record<string, RegistryValue>>()
  let values: Record<string, RegistryValue> = {}
  // A long value goes on after a backslash.
  for (const line of text.replaceAll(/\\\r?\n\s*/g, '').split(/\r?\n/)) {
    const key = /^\[(.+)\]$/.exec(line)?.[1]
    if (key !== undefined) keys.set(key, (values = {}))
    const [, name, value] = /^(@|"(?:[^"\\]|\\.)*")=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined)
      values[name === '@' ? '' : unquoted(name)] = understood(value)
  }
  return keys
}

function understood(value: string): RegistryValue {
  if (value.startsWith('"')) return unquoted(value)
  return value.startsWith('dword:') ? Number.parseInt(value.slice('dword:'.length), 16) : { raw: value }
}

function spelled(value: RegistryValue): string {
  if (typeof value === 'string') return quoted(value)
  return typeof value === 'number' ? `dword:${value.toString(16).padStart(8, '0')}` : value.raw
}

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`
const unquoted = (text: string): string => text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
