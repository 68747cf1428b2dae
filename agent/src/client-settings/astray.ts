/**
 * Clients that were pointed at a port where the agent does not listen any more: somebody changed it after `starling configure`. What was written
 * there stands in the journal, so that the agent needs neither the registry nor another user's rights to see it. Pure.
 */
import type { Journal } from './journal.ts'
import { httpProxyOf } from './proxy-lists.ts'
import { connectionFrom, winHttpFrom } from './proxy-records.ts'
import { bytesOf, textOf, type Stored } from './stored.ts'

export interface StrayClient {
  readonly item: string
  readonly port: number
}

/** @param agent where it listens now; `cacheHost` null: not as a cache host */
export function strayClients(
  journal: Journal,
  agent: { readonly proxy: number; readonly cacheHost: number | null }
): readonly StrayClient[] {
  return Object.entries(journal).flatMap(([key, kept]): StrayClient[] => {
    const [item = '', level] = key.split('@')
    // What users set lies with them; what else may stand here is none of this version's.
    if (level !== 'machine') return []
    if (item === 'delivery-optimization') return agent.cacheHost === 80 ? [] : [{ item, port: 80 }]
    const ports = Object.values(kept).flatMap(({ ours }) => portOf(ours.at(-1) ?? null) ?? [])
    const stray = ports.find(port => port !== agent.proxy)
    return stray === undefined ? [] : [{ item, port: stray }]
  })
}

/** Of an address, a proxy or a script; null: there is none in it. */
function portOf(stored: Stored): number | null {
  const record = bytesOf(stored)
  const address = record === null ? textOf(stored)?.split('|')[0] : addressIn(record)
  const url = URL.parse(address ?? '')
  return url === null || !url.protocol.startsWith('http') ? null : Number(url.port || '80')
}

function addressIn(record: Buffer): string | undefined {
  const proxy = httpProxyOf(winHttpFrom(record)?.proxy ?? '')
  return proxy === null ? connectionFrom(record)?.script : `http://${proxy}`
}
