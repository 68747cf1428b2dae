/**
 * Where a value is, and when two values there are the same. Most are values of the registry. Two are changed by the programs that
 * Microsoft gives for them (netsh, bitsadmin), which also write down a counter and what else they think of: there the same is what comes to the
 * same. Go's are in a file that the go command writes.
 */
import { connectionFrom, winHttpFrom } from './proxy-records.ts'
import { bytesOf, isSameStored, shown, type Stored } from './stored.ts'

export interface RegistryPlace {
  readonly kind: 'registry' | 'winhttp' | 'winhttp-32' | 'connection' | 'bits'
  /** `HKLM\...` */
  readonly key: string
  readonly name: string
  /** The program that changes another place changes this one as well: it is only put back, with that one. */
  readonly follows?: string
}

export interface GoPlace {
  readonly kind: 'go'
  readonly name: string
}

/** A variable of the process that asks; only looked at. */
export interface EnvironmentPlace {
  readonly kind: 'environment'
  readonly name: string
}

export type Place = RegistryPlace | GoPlace | EnvironmentPlace

/** By a word of ours: it is what the journal has. */
export type Places = Readonly<Record<string, Place>>
export type Values = ReadonlyMap<string, Stored>

export const registry = (key: string, name: string): RegistryPlace => ({ kind: 'registry', key, name })

export function placeText(place: Place): string {
  if ('key' in place) return `${place.key}\\${place.name}`
  return place.kind === 'go' ? `go env ${place.name}` : place.name
}

export function isSame(place: Place, a: Stored, b: Stored): boolean {
  const [one, other] = [meaningOf(place, a), meaningOf(place, b)]
  return one === null || other === null ? isSameStored(a, b) : one === other
}

/** For people. */
export function valueText(place: Place, stored: Stored): string {
  return meaningOf(place, stored) ?? shown(stored)
}

/** Null: it says itself what it is, it cannot be understood, or there is none. */
function meaningOf({ kind }: Place, stored: Stored): string | null {
  const record = bytesOf(stored)
  if (record === null || kind === 'registry' || kind === 'go' || kind === 'environment') return null
  if (kind === 'winhttp' || kind === 'winhttp-32') {
    const said = winHttpFrom(record)
    return said === null ? null : proxyText(said.proxy, said.bypass)
  }
  const said = connectionFrom(record)
  if (said === null) return null
  const script = said.script === '' ? [] : [`script ${said.script}`]
  // Bitsadmin turns the search for a proxy on beside a script, of its own accord.
  const detecting = kind === 'connection' && said.isDetecting ? ['automatic detection'] : []
  const proxy = said.proxy === '' ? [] : [proxyText(said.proxy, said.bypass)]
  const parts = [...script, ...detecting, ...proxy]
  return parts.length === 0 ? 'directly' : parts.join(', ')
}

function proxyText(proxy: string, bypass: string): string {
  if (proxy === '') return 'directly'
  return bypass === '' ? `proxy ${proxy}` : `proxy ${proxy}, not for ${bypass}`
}
