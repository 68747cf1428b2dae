/**
 * The programs of one machine that download: each asks once, reads from the first byte to the last as fast as bytes
 * come, and tries again after an error, as BITS does. What a client is given is judged here, by the world's truth.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Content } from './content.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

interface Reading {
  readonly content: Content
  chunk: number
  movedAt: Millis
}

/** After an error a client asks again. */
const retryMs: Millis = 5 * secondMs

export class Clients {
  longestPauseMs: Millis = 0
  readonly #agent: SimAgent
  readonly #world: World
  readonly #readings = new Map<number, Reading>()
  readonly #wishes = new Map<number, Content>()

  constructor(agent: SimAgent, world: World) {
    this.#agent = agent
    this.#world = world
  }

  want(content: Content): void {
    if (!this.#agent.askedAt.has(content.transfer)) this.#agent.askedAt.set(content.transfer, this.#world.now)
    const wish = this.#world.nextId()
    this.#wishes.set(wish, content)
    this.#agent.emit({ type: 'content-wanted', wish, key: content.key, url: content.url, rangeFirst: true })
  }

  answered(wish: number): void {
    const content = this.#wishes.get(wish)
    this.#wishes.delete(wish)
    if (content === undefined) return
    const reader = this.#world.nextId()
    this.#readings.set(reader, { content, chunk: 0, movedAt: this.#world.now })
    this.#agent.emit({
      type: 'range-wanted',
      reader,
      transfer: content.transfer,
      start: 0,
      end: content.length,
      background: this.#agent.background
    })
    this.moved()
  }

  /** The core's advice is to go on without it: the client gets everything over the line by itself. */
  passed(wish: number, reason: string): void {
    const content = this.#wishes.get(wish)
    this.#wishes.delete(wish)
    if (content === undefined) return
    this.#world.failures.push(`${this.#agent.id} was told to pass on ${content.url}: ${reason}`)
    if (this.#world.origin.refuses) {
      this.#again(content)
      return
    }
    this.#world.wanOf(this.#agent.site).carry(content.length, () => {
      this.#agent.fromUpstream += content.length
      this.#finished(content)
    })
  }

  failed(transfer: TransferId, reason: string): void {
    this.#world.failures.push(`${this.#agent.id} gave up on ${transfer.slice(0, 8)}: ${reason}`)
    for (const [reader, { content }] of this.#readings) {
      if (content.transfer !== transfer) continue
      this.#readings.delete(reader)
      this.#agent.emit({ type: 'range-done', reader })
      this.#again(content)
    }
  }

  /** Gives every reader what has come. */
  moved(): void {
    for (const [id, reading] of this.#readings) {
      const { content } = reading
      const before = reading.chunk
      while (reading.chunk < content.chunks && this.#agent.disk.has(content, reading.chunk)) {
        if (this.#agent.disk.isWrong(content, reading.chunk))
          this.#world.wrongBytesToClients += content.bytesOf(reading.chunk)
        reading.chunk++
      }
      if (reading.chunk === before) continue
      const { now } = this.#world
      this.longestPauseMs = Math.max(this.longestPauseMs, now - reading.movedAt)
      reading.movedAt = now
      if (reading.chunk === content.chunks) {
        this.#readings.delete(id)
        this.#finished(content)
        this.#agent.emit({ type: 'range-done', reader: id })
      } else {
        this.#agent.emit({ type: 'range-moved', reader: id, position: reading.chunk * content.chunkBytes })
      }
      this.#agent.releaseHeld(content, chunk => this.#needs(content, chunk))
    }
  }

  powerOff(): void {
    this.#readings.clear()
    this.#wishes.clear()
  }

  #needs(content: Content, chunk: number): boolean {
    for (const reading of this.#readings.values()) {
      if (reading.content === content && reading.chunk <= chunk) return true
    }
    return false
  }

  #finished(content: Content): void {
    if (this.#agent.completedAt.has(content.transfer)) return
    this.#agent.completedAt.set(content.transfer, this.#world.now)
    this.#world.completions++
  }

  #again(content: Content): void {
    this.#agent.later(retryMs, () => {
      if (!this.#agent.completedAt.has(content.transfer)) this.want(content)
    })
  }
}
