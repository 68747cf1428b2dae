/**
 * Looking names up, fairly. The system's resolver takes a thread of libuv for each name, for ten seconds and more when nobody
 * answers, and takes them in the order in which they were asked for: one client that asks for 10,000 dead hosts would let all
 * others wait for hours. So no more are given to it than it has threads for, clients take turns, and none may have more than
 * half of them.
 *
 * That a host is not there is remembered for a moment, because who hears it asks again. That it is, is not: the system knows for
 * how long.
 */
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { LRUCache } from 'lru-cache'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void
export type Resolve = (host: string, options: LookupAllOptions, done: Answer) => void

export interface Names {
  /** Look-ups of this host are on behalf of this client from now on. */
  askedBy(client: string, host: string): void
  readonly resolve: Resolve
}

export interface NamesOptions {
  /** The system's, unless a test has names of its own. */
  readonly resolve?: Resolve
  /** As many as the system looks up at once. */
  readonly slots?: number
  /** Nobody waits for longer. */
  readonly patienceMs: Millis
  readonly now: () => Millis
}

interface LookUp {
  readonly key: string
  readonly client: string
  readonly host: string
  readonly options: LookupAllOptions
  readonly since: Millis
  readonly answers: Answer[]
}

/** Long enough for all the parts of a page, short enough for who has just mended it. */
const absentMs: Millis = 3 * secondMs
const hostsRememberedMax = 10_000

export function createNames({
  resolve = (host, options, done) => lookup(host, options, done),
  slots = systemSlots(process.env['UV_THREADPOOL_SIZE']),
  patienceMs,
  now
}: NamesOptions): Names {
  // Of libuv's usual two a single client has had both ever since: then others wait for one look-up at most.
  const slotsOfClient = Math.max(Math.min(slots, 2), Math.floor(slots / 2))
  const clients = new LRUCache<string, string>({ max: hostsRememberedMax })
  const absent = new LRUCache<string, { readonly error: NodeJS.ErrnoException; readonly until: Millis }>({
    max: hostsRememberedMax
  })
  const open = new Map<string, LookUp>()
  /** By client, those first who have waited longest for their turn. */
  const waiting = new Map<string, LookUp[]>()
  const running = new Map<string, number>()
  let runningInAll = 0

  function fill(): void {
    while (runningInAll < slots) {
      const next = takeNext()
      if (next === null) return
      if (now() - next.since > patienceMs) settle(next, tooLate(next.host), [])
      else run(next)
    }
  }

  /** Of the client that has the fewest under way. */
  function takeNext(): LookUp | null {
    let best: string | null = null
    let least = slotsOfClient
    for (const client of waiting.keys()) {
      const count = running.get(client) ?? 0
      if (count >= least) continue
      best = client
      least = count
    }
    const queue = best === null ? undefined : waiting.get(best)
    if (best === null || queue === undefined) return null
    const next = queue.shift() ?? null
    waiting.delete(best)
    if (queue.length > 0) waiting.set(best, queue)
    return next
  }

  function run(next: LookUp): void {
    const { client, host, options } = next
    runningInAll++
    running.set(client, (running.get(client) ?? 0) + 1)
    resolve(host, options, (error, addresses) => {
      runningInAll--
      const left = running.get(client)! - 1
      if (left > 0) running.set(client, left)
      else running.delete(client)
      if (error !== null) absent.set(next.key, { error, until: now() + absentMs })
      settle(next, error, addresses)
      fill()
    })
  }

  function settle(
    { key, answers }: LookUp,
    error: NodeJS.ErrnoException | null,
    addresses: LookupAddress[]
  ): void {
    open.delete(key)
    for (const answer of answers) answer(error, addresses)
  }

  return {
    askedBy(client, host) {
      clients.set(host, client)
    },
    resolve(host, options, done) {
      const key = `${host} ${options.family ?? 0} ${options.hints ?? 0}`
      const known = absent.get(key)
      if (known !== undefined && known.until > now()) return process.nextTick(done, known.error, [])
      const same = open.get(key)
      if (same !== undefined) return void same.answers.push(done)
      const client = clients.get(host) ?? ''
      const one: LookUp = { key, client, host, options, since: now(), answers: [done] }
      open.set(key, one)
      const queue = waiting.get(client)
      if (queue === undefined) waiting.set(client, [one])
      else queue.push(one)
      fill()
    }
  }
}

/** Half of libuv's threads, so that files and digests always find one free. */
function systemSlots(threads: string | undefined): number {
  return Math.floor((Math.max(1, Number(threads ?? 4) || 1) + 1) / 2)
}

function tooLate(host: string): StarlingError {
  return new StarlingError('upstream-timeout', `${host} was not looked up in time: many names are waited for`)
}
