/**
 * One connection beside the pool that is held for as long as somebody listens or leads: it takes notifications, and the
 * locks of what this coordinator leads are its own. When it is lost it is made again; what was notified in between was
 * missed, and the locks are anybody's.
 *
 * It is asked every few seconds whether it still works. A coordinator that gets no answer has stopped leading (`beatMs`
 * and `answerMsMax` together) long before the server gives its locks to another (`serverKeepalive`), so that two never
 * lead at once, also when a cable is pulled and neither side is told.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { Client, type ClientConfig } from 'pg'
import type { Log } from '../log.ts'
import { Listeners, type Handler } from './listeners.ts'

const answerMsMax: Millis = 5 * secondMs
/** After 15 s without a sign three questions, 5 s apart: 30 s. */
const serverKeepalive =
  'SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3'

type OnLeader = (until: AbortSignal) => void

/** Whoever led until its connection broke hears of that within so long; the server gave the lock away at once. */
const takeoverMs: Millis = secondMs / 2

interface Leadership {
  readonly lock: string
  readonly onLeader: OnLeader
  /** While it leads. */
  until: AbortController | null
}

export class PostgresLine {
  readonly #config: ClientConfig
  readonly #log: Log
  readonly #beatMs: Millis
  readonly #listeners: Listeners
  readonly #leaderships = new Set<Leadership>()
  /** Channels the server knows that we listen to, on the client of the moment. */
  readonly #heard = new Set<string>()
  readonly #locksToLetGo: string[] = []
  #client: Client | null = null
  #timer: NodeJS.Timeout | undefined
  #beat: Promise<void> | null = null
  #isWanted = false
  #isClosed = false

  constructor(config: ClientConfig, log: Log, beatMs: Millis = 2 * secondMs) {
    this.#config = {
      ...config,
      statement_timeout: answerMsMax,
      query_timeout: answerMsMax,
      connectionTimeoutMillis: answerMsMax
    }
    this.#log = log
    this.#beatMs = beatMs
    this.#listeners = new Listeners(log)
  }

  listen(channel: string, handler: Handler): () => void {
    const stop = this.#listeners.add(channel, handler)
    // Where the server tells us already, the handler only has to know that it hears from now on.
    if (this.#heard.has(channel)) this.#listeners.welcome(channel, handler)
    this.#soon()
    return stop
  }

  leader(name: string, onLeader: OnLeader): () => void {
    const leadership: Leadership = { lock: `starling:leader:${name}`, onLeader, until: null }
    this.#leaderships.add(leadership)
    this.#soon()
    return () => {
      if (!this.#leaderships.delete(leadership) || leadership.until === null) return
      leadership.until.abort()
      this.#locksToLetGo.push(leadership.lock)
      this.#soon()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const { until } of this.#leaderships) until?.abort()
    await this.#beat
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => {})
  }

  /** One beat at a time; one that is wanted during another comes right after it. */
  #soon(): void {
    this.#isWanted = true
    if (this.#beat === null) this.#schedule(0)
  }

  #schedule(waitMs: Millis): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#isWanted = false
      this.#beat = this.#keepUp().finally(() => {
        this.#beat = null
        this.#schedule(this.#isWanted ? 0 : this.#beatMs)
      })
    }, waitMs)
    this.#timer.unref()
  }

  async #keepUp(): Promise<void> {
    try {
      const client = this.#client ?? (await this.#connect())
      await client.query('SELECT 1')
      await this.#letGo(client)
      await this.#hear(client)
      await this.#lead(client)
    } catch (error) {
      this.#lost(messageOf(error))
    }
  }

  async #connect(): Promise<Client> {
    const client = new Client(this.#config)
    client.on('error', error => {
      if (this.#client === client) this.#lost(messageOf(error))
    })
    client.on('end', () => {
      if (this.#client === client) this.#lost('the server closed it')
    })
    client.on('notification', ({ channel, payload }) => {
      this.#listeners.tell(channel, payload ?? '')
    })
    try {
      await client.connect()
      await client.query(serverKeepalive)
    } catch (error) {
      void client.end().catch(() => {})
      throw error
    }
    this.#client = client
    return client
  }

  async #letGo(client: Client): Promise<void> {
    for (let lock = this.#locksToLetGo[0]; lock !== undefined; lock = this.#locksToLetGo[0]) {
      await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [lock])
      this.#locksToLetGo.shift()
    }
  }

  async #hear(client: Client): Promise<void> {
    for (const channel of this.#listeners.channels()) {
      if (this.#heard.has(channel)) continue
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
      this.#heard.add(channel)
      this.#listeners.tell(channel, null)
    }
  }

  async #lead(client: Client): Promise<void> {
    const won: Leadership[] = []
    for (const leadership of this.#leaderships) {
      if (leadership.until !== null) continue
      const { rows } = await client.query<{ held: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held',
        [leadership.lock]
      )
      if (rows[0]?.held === true) won.push(leadership)
    }
    if (won.length > 0) await delay(takeoverMs)
    for (const leadership of won) {
      if (!this.#leaderships.has(leadership) || this.#client !== client || this.#isClosed) {
        this.#locksToLetGo.push(leadership.lock)
        continue
      }
      leadership.until = new AbortController()
      this.#log.info({ lock: leadership.lock }, 'leads')
      try {
        leadership.onLeader(leadership.until.signal)
      } catch (error) {
        this.#log.error({ lock: leadership.lock, why: messageOf(error) }, 'what leads failed')
      }
    }
  }

  /** Everything that was the connection's is gone with it; the next beat makes another. */
  #lost(why: string): void {
    const client = this.#client
    this.#client = null
    this.#heard.clear()
    this.#locksToLetGo.length = 0
    for (const leadership of this.#leaderships) {
      leadership.until?.abort()
      leadership.until = null
    }
    if (!this.#isClosed) this.#log.warn({ why }, 'the line to the database is lost; it is made again')
    void client?.end().catch(() => {})
  }
}
