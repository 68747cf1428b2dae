/** Chunks between agents, from the side of one: what it is asked for and serves, and what it asked for and gets. */
import type { FetchId } from '@starling/agent/core/events.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Content } from './content.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

interface Upload {
  readonly to: SimAgent
  readonly content: Content
  readonly chunk: number
  readonly fetch: FetchId
}

/** How an agent behaves towards those who ask it, and towards what it gets. */
export interface Manners {
  /** Sends wrong bytes to whoever asks it. */
  readonly lies?: boolean
  /** Never answers a request for a chunk. */
  readonly mute?: boolean
  /** Takes corrupt bytes for right: verification switched off. */
  readonly believes?: boolean
}

export class Trades {
  readonly #agent: SimAgent
  readonly #world: World
  readonly #manners: Manners
  readonly #uploads = new Map<number, Upload>()
  #serving = 0

  constructor(agent: SimAgent, world: World, manners: Manners) {
    this.#agent = agent
    this.#world = world
    this.#manners = manners
  }

  /** A peer's request arrived. */
  asked(from: SimAgent, content: Content, chunk: number, fetch: FetchId): void {
    if (this.#manners.mute === true) return this.#world.network.silent(from, fetch)
    const upload = this.#world.nextId()
    this.#uploads.set(upload, { to: from, content, chunk, fetch })
    this.#agent.emit({ type: 'chunk-asked', upload, peer: from.id, transfer: content.transfer, chunk })
  }

  serve(id: number): void {
    const upload = this.#take(id)
    if (upload === undefined) return
    const agent = this.#agent
    const { to, content, chunk, fetch } = upload
    const lies = this.#manners.lies === true
    if (!agent.disk.has(content, chunk) && !lies) {
      agent.emit({ type: 'upload-ended', upload: id, bytes: 0 })
      return this.#world.network.answer(agent, to, fetch, 'gone', 0)
    }
    const bytes = content.bytesOf(chunk)
    const right = !lies && !agent.disk.isWrong(content, chunk)
    agent.usage.serving.note(++this.#serving)
    const sent = (): void => {
      this.#serving--
      agent.uploaded += bytes
      agent.peaks.uploaded.note(bytes, this.#world.now)
      agent.emit({ type: 'upload-ended', upload: id, bytes })
    }
    this.#world.network.carry(agent, to, bytes, sent, () => {
      to.trades.#received(agent, content, chunk, fetch, bytes, right)
    })
  }

  refuse(id: number, reason: 'busy' | 'gone', retryAfterMs: Millis): void {
    const upload = this.#take(id)
    if (upload !== undefined)
      this.#world.network.answer(this.#agent, upload.to, upload.fetch, reason, retryAfterMs)
  }

  powerOff(): void {
    this.#uploads.clear()
    this.#serving = 0
  }

  #take(id: number): Upload | undefined {
    const upload = this.#uploads.get(id)
    this.#uploads.delete(id)
    return upload
  }

  #received(
    from: SimAgent,
    content: Content,
    chunk: number,
    fetch: FetchId,
    bytes: Bytes,
    right: boolean
  ): void {
    const agent = this.#agent
    if (!agent.asking.delete(fetch)) return
    agent.peaks.received.note(bytes, this.#world.now)
    agent.hashed(bytes, this.#world.now, () => {
      if (!right) {
        agent.corruptReceived++
        if (this.#manners.believes !== true) {
          agent.emit({ type: 'fetch-failed', fetch, reason: 'corrupt', retryAfterMs: 0 })
          return
        }
      }
      agent.fromPeers[from.role === 'gateway' ? 'gateways' : 'agents'] += bytes
      agent.stored(content, chunk, right, { kind: 'peer', peer: from.id }, fetch)
    })
  }
}
