/**
 * The address book, and when to dial whom. Each entry is tried, and tried again with growing pauses, until its
 * peer has joined; when the peer leaves, it starts over. That an attempt got a connection proves nothing (the
 * peer may refuse our `hello`), so only `joined` stops the trying.
 */
import type { Multiaddr } from '@multiformats/multiaddr'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { parseAddress, peerOf } from './addresses.ts'
import type { PeersLimits } from './limits.ts'

export type HintSource = 'config' | 'hint' | 'mdns'

export interface Redial {
  hint(source: HintSource, id: AgentId | null, addresses: readonly string[]): void
  /** Dials it now, chosen or not. */
  want(id: AgentId): void
  /** Everyone in the book. */
  known(): AgentId[]
  /** There is news of it: it is tried again now, if it is chosen. */
  found(id: AgentId): void
  joined(id: AgentId): void
  left(id: AgentId, lastedMs: Millis): void
  /** Forgets what it knows of the peer. */
  forget(id: AgentId): void
  /** Not before the longest pause. */
  rest(id: AgentId): void
  stop(): void
}

export interface RedialWorld {
  readonly self: AgentId
  /** False while we may speak to no one. */
  mayDial(): boolean
  connected(id: AgentId): boolean
  /** Of those found by mDNS, whom to keep a connection with. */
  choose(known: readonly AgentId[]): ReadonlySet<AgentId>
  /** The book has grown or shrunk. */
  changed(): void
  /** @returns who answered; throws when nobody did. */
  dial(addresses: Multiaddr[]): Promise<AgentId>
  failed(error: unknown, id: AgentId | null): void
}

interface Entry {
  readonly key: string
  readonly fromConfig: boolean
  /** Found by mDNS alone: dialled only if chosen. */
  foundOnly: boolean
  /** Known from the hint, or learnt when an address without a name answered. */
  id: AgentId | null
  addresses: Map<string, Multiaddr>
  heardAt: Millis
  failures: number
  timer: NodeJS.Timeout | null
}

const addressesMax = 16

export function createRedial(world: RedialWorld, limits: PeersLimits): Redial {
  const entries = new Map<string, Entry>()
  let stopped = false
  let chosen: ReadonlySet<AgentId> | null = null

  function hint(source: HintSource, id: AgentId | null, texts: readonly string[]): void {
    if (stopped || id === world.self) return
    const parsed = texts
      .slice(0, addressesMax)
      .map(parseAddress)
      .filter(address => address !== null)
    // An address may name its peer; those that name another than the hint are of no use.
    const named = parsed.map(peerOf).find(peer => peer !== null) ?? null
    const peer = id ?? named
    const addresses = parsed.filter(address => peerOf(address) === null || peerOf(address) === peer)
    if (addresses.length === 0 || peer === world.self) return

    const key = peer ?? addresses.map(String).sort().join(' ')
    let entry = entries.get(key)
    if (entry === undefined) {
      if (entries.size >= limits.hintsMax && !makeRoom(source)) return
      entry = {
        key,
        fromConfig: source === 'config',
        foundOnly: source === 'mdns',
        id: peer,
        addresses: new Map(),
        heardAt: 0,
        failures: 0,
        timer: null
      }
      entries.set(key, entry)
      bookChanged()
    }
    if (source !== 'mdns') entry.foundOnly = false
    entry.heardAt = Date.now()
    const isNew = addresses.some(address => !entry.addresses.has(String(address)))
    // The latest hint comes first: an agent that changed its address is tried there first.
    entry.addresses = new Map(
      [...addresses.map(address => [String(address), address] as const), ...entry.addresses].slice(
        0,
        addressesMax
      )
    )
    if (isNew) entry.failures = 0
    if (isNew || entry.timer === null) schedule(entry, firstPause(entry))
  }

  function bookChanged(): void {
    chosen = null
    world.changed()
  }

  const known = (): AgentId[] => [...entries.values()].flatMap(({ id }) => (id === null ? [] : [id]))

  function isChosen({ id, foundOnly }: Entry): boolean {
    if (!foundOnly || id === null) return true
    chosen ??= world.choose(known())
    return chosen.has(id)
  }

  /** The lower id dials at once, the higher gives it a moment: one connection instead of two. */
  function firstPause(entry: Entry): Millis {
    return entry.id !== null && world.self > entry.id ? limits.yieldMs : 0
  }

  function schedule(entry: Entry, pauseMs: Millis): void {
    if (entry.timer !== null) clearTimeout(entry.timer)
    entry.timer = setTimeout(() => {
      void attempt(entry)
    }, pauseMs)
  }

  async function attempt(entry: Entry): Promise<void> {
    entry.timer = null
    if (stopped || (entry.id !== null && world.connected(entry.id))) return
    if (!entry.fromConfig && Date.now() - entry.heardAt > limits.hintLifeMs) {
      entries.delete(entry.key)
      bookChanged()
      return
    }
    // It stays in the book: the choice changes as agents come and go, and mDNS brings it up again.
    if (!isChosen(entry)) return
    if (world.mayDial()) {
      try {
        const answered = await world.dial([...entry.addresses.values()])
        // Without a name in the hint it may have been anyone, also another one than last time.
        if (entry.key !== entry.id) entry.id = answered
      } catch (error) {
        world.failed(error, entry.id)
      }
    }
    if (stopped || entries.get(entry.key) !== entry || (entry.id !== null && world.connected(entry.id)))
      return
    if (entry.timer === null) schedule(entry, pauseAfter(entry.failures++))
  }

  function pauseAfter(failures: number): Millis {
    const pauseMs = Math.min(limits.redialMsMax, limits.redialMs * 2 ** Math.min(failures, 20))
    // A quarter up or down, so that a site that lost its switch does not come back in step.
    return pauseMs * (0.75 + Math.random() / 2)
  }

  /** A spoofer must not push out real peers: only entries of peers that are not connected and not from config go. */
  function makeRoom(source: HintSource): boolean {
    const oldest = [...entries.values()]
      .filter(entry => !entry.fromConfig && (entry.id === null || !world.connected(entry.id)))
      .sort((a, b) => b.failures - a.failures || a.heardAt - b.heardAt)[0]
    if (oldest === undefined) return source === 'config'
    remove(oldest)
    return true
  }

  function remove(entry: Entry): void {
    if (entry.timer !== null) clearTimeout(entry.timer)
    entries.delete(entry.key)
    bookChanged()
  }

  function of(id: AgentId): Entry[] {
    return [...entries.values()].filter(entry => entry.id === id)
  }

  return {
    hint,
    known,
    want(id) {
      for (const entry of of(id)) {
        entry.foundOnly = false
        if (!world.connected(id)) schedule(entry, 0)
      }
    },
    found(id) {
      for (const entry of of(id)) if (!world.connected(id)) schedule(entry, firstPause(entry))
    },
    joined(id) {
      for (const entry of of(id)) {
        if (entry.timer !== null) clearTimeout(entry.timer)
        entry.timer = null
      }
    },
    left(id, lastedMs) {
      for (const entry of of(id)) {
        if (lastedMs >= limits.settledMs) entry.failures = 0
        schedule(entry, pauseAfter(entry.failures++))
      }
    },
    forget(id) {
      for (const entry of of(id)) remove(entry)
    },
    rest(id) {
      for (const entry of of(id)) schedule(entry, limits.redialMsMax)
    },
    stop() {
      stopped = true
      for (const entry of entries.values()) if (entry.timer !== null) clearTimeout(entry.timer)
      entries.clear()
    }
  }
}
