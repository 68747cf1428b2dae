/**
 * Where each chunk came from, read off the events that pass by anyway: two bytes a chunk, of contents at work in this process.
 * What was there before is of the disk. A map is made only when somebody asks for it.
 */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { AgentEvent } from '../ports.ts'
import type { ChunkMap, ChunkSource } from '../views.ts'

/** The first sources of every map, in this order. */
const fixed = [
  { kind: 'missing', peer: null },
  { kind: 'fetching', peer: null },
  { kind: 'disk', peer: null },
  { kind: 'origin', peer: null }
] as const satisfies readonly ChunkSource[]
const [missing, fetching, disk, origin] = [0, 1, 2, 3]

interface Known {
  /** Index of the source of each chunk; 0: nothing is known. */
  readonly of: Uint16Array
  readonly peers: ChunkSource[]
}

export interface ChunkSourcesWorld {
  /** Null: it is not here (any more). */
  chunksOf(transfer: TransferId): number | null
  isGateway(peer: AgentId): boolean
}

export interface ChunkShape {
  readonly transfer: TransferId
  readonly chunkBytes: Bytes
  readonly have: Bitfield
  /** Chunks that are on their way. */
  readonly moving: ReadonlySet<number>
}

export class ChunkSources {
  readonly #known = new Map<TransferId, Known>()
  readonly #world: ChunkSourcesWorld

  constructor(world: ChunkSourcesWorld) {
    this.#world = world
  }

  note(event: AgentEvent): void {
    if (event.type === 'transfer-forgotten') this.#known.delete(event.transfer)
    else if (event.type === 'chunk-dropped')
      this.#known.get(event.transfer)?.of.fill(missing, event.chunk, event.chunk + 1)
    // What the disk was too full to keep is passed on and is not here.
    else if (event.type === 'chunk-stored' && event.kept) {
      const known = this.#known.get(event.transfer) ?? this.#open(event.transfer)
      // A chunk that came twice was here already.
      if (known === null || known.of[event.chunk] !== missing) return
      known.of[event.chunk] =
        event.source.kind === 'upstream' ? origin : this.#indexOf(known, event.source.peer)
    }
  }

  map({ transfer, chunkBytes, have, moving }: ChunkShape): ChunkMap {
    const known = this.#known.get(transfer)
    const runs: Array<[source: number, count: number]> = []
    for (let chunk = 0; chunk < have.size; chunk++) {
      const from = known?.of[chunk] ?? missing
      const source = from !== missing ? from : have.has(chunk) ? disk : moving.has(chunk) ? fetching : missing
      const last = runs.at(-1)
      if (last?.[0] === source) last[1]++
      else runs.push([source, 1])
    }
    return {
      transfer,
      chunkBytes,
      chunks: have.size,
      sources: [...fixed, ...(known?.peers ?? [])],
      runs
    }
  }

  #open(transfer: TransferId): Known | null {
    // A purge forgets transfers without an event: they are looked for when a new one comes, which is seldom.
    for (const old of this.#known.keys()) if (this.#world.chunksOf(old) === null) this.#known.delete(old)
    const chunks = this.#world.chunksOf(transfer)
    if (chunks === null) return null
    const known = { of: new Uint16Array(chunks), peers: [] }
    this.#known.set(transfer, known)
    return known
  }

  #indexOf({ peers }: Known, peer: AgentId): number {
    const at = peers.findIndex(one => one.peer === peer)
    if (at !== -1) return fixed.length + at
    peers.push({ kind: this.#world.isGateway(peer) ? 'gateway' : 'peer', peer })
    return fixed.length + peers.length - 1
  }
}
