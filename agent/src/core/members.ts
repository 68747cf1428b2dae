/**
 * Who takes part in one swarm, who has which chunk, and how many have it: availability is counted as haves come in,
 * never by asking everybody again. What members beyond the site have is not at the site, and not counted.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import type { Span } from '@starling/shared/chunking.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { PeerKind } from './around.ts'

export interface Member extends PeerKind {
  readonly id: AgentId
  has: Bitfield | null
  /** It told us that it is after something (or, a gateway, that it fetches for others). */
  interested: boolean
  weight: number
  /** Nobody there waits for it. */
  background: boolean
  wants: readonly Span[]
  /** It answered our `interested` with a bitfield. */
  introduced: boolean
  /** It did not know the transfer when it heard of our interest, so it has to hear of it again. */
  wasIgnorant: boolean
}

export class Members {
  readonly #byId = new Map<AgentId, Member>()
  readonly #chunks: number
  /** How many members have each chunk; how many of them are no gateways. */
  readonly #holders: Uint16Array
  readonly #agentHolders: Uint16Array
  #leechers: readonly AgentId[] | null = null
  #near: readonly AgentId[] | null = null
  #foreground: boolean | null = null
  /** How many are beyond the site. */
  far = 0

  constructor(chunks: number) {
    this.#chunks = chunks
    this.#holders = new Uint16Array(chunks)
    this.#agentHolders = new Uint16Array(chunks)
  }

  get size(): number {
    return this.#byId.size
  }
  get(id: AgentId): Member | undefined {
    return this.#byId.get(id)
  }
  all(): IterableIterator<Member> {
    return this.#byId.values()
  }

  of(id: AgentId, { role, far }: PeerKind): Member {
    let member = this.#byId.get(id)
    if (member === undefined) {
      member = {
        id,
        role,
        far,
        has: null,
        interested: false,
        weight: 0,
        background: true,
        wants: [],
        introduced: false,
        wasIgnorant: false
      }
      this.#byId.set(id, member)
      if (far) this.far++
    }
    return member
  }

  holders(chunk: number): number {
    return this.#holders[chunk] ?? 0
  }
  onlyGatewaysHave(chunk: number): boolean {
    return this.holders(chunk) > 0 && this.#agentHolders[chunk] === 0
  }

  /** Agents of the site that have all of it. */
  complete(): number {
    let count = 0
    for (const { far, has } of this.#byId.values()) if (!far && has?.full === true) count++
    return count
  }

  holdersOf(chunk: number): AgentId[] {
    return this.#thoseWith(chunk, false)
  }
  /** Gateways beyond the site. */
  farHoldersOf(chunk: number): AgentId[] {
    return this.#thoseWith(chunk, true)
  }

  /** @returns whether this was news. */
  has(member: Member, chunk: number): boolean {
    member.has ??= new Bitfield(this.#chunks)
    if (!member.has.set(chunk)) return false
    this.#count(member, chunk, 1)
    return true
  }

  /** It does not have the chunk after all. */
  hasNot(id: AgentId, chunk: number): void {
    const member = this.#byId.get(id)
    if (member?.has?.clear(chunk) === true) this.#count(member, chunk, -1)
  }

  /** @returns the chunks that it had. */
  leave(id: AgentId): number[] {
    const member = this.#byId.get(id)
    if (member === undefined) return []
    const had = member.has === null ? [] : [...member.has.indices()]
    for (const chunk of had) this.hasNot(id, chunk)
    this.#byId.delete(id)
    if (member.far) this.far--
    this.interestChanged()
    return had
  }

  /** Of the leechers, those who miss at least one of these chunks, or whose word for it does not count. */
  lacking(chunks: readonly number[], doubted: (id: AgentId) => boolean): readonly AgentId[] {
    return this.leechers().filter(id => {
      const has = this.#byId.get(id)?.has
      return has == null || chunks.some(chunk => !has.has(chunk)) || doubted(id)
    })
  }

  interestChanged(): void {
    this.#leechers = null
    this.#near = null
    this.#foreground = null
  }

  /** Somebody waits at one of them. */
  get foreground(): boolean {
    this.#foreground ??= [...this.#byId.values()].some(member => member.interested && !member.background)
    return this.#foreground
  }

  /** Whom haves and digests are told to: everyone who said that it is interested, and may ask us for a chunk. */
  leechers(): readonly AgentId[] {
    this.#leechers ??= this.#interested(({ far, role }) => !far || role !== 'gateway')
    return this.#leechers
  }

  /** Those of the site: claims are its own affair. */
  nearLeechers(): readonly AgentId[] {
    this.#near ??= this.#interested(({ far }) => !far)
    return this.#near
  }

  #interested(which: (member: Member) => boolean): AgentId[] {
    return [...this.#byId.values()].filter(member => member.interested && which(member)).map(({ id }) => id)
  }

  #thoseWith(chunk: number, far: boolean): AgentId[] {
    const ids: AgentId[] = []
    for (const member of this.#byId.values())
      if (member.far === far && member.has?.has(chunk) === true) ids.push(member.id)
    return ids
  }

  #count({ far, role }: Member, chunk: number, change: 1 | -1): void {
    if (far) return
    this.#holders[chunk]! += change
    if (role !== 'gateway') this.#agentHolders[chunk]! += change
  }
}
