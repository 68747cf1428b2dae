/**
 * Cache hosts (Microsoft Connected Cache, gateways with a cache host's face) between us and the origin, asked as Delivery Optimization asks
 * them: the origin's path on the cache host, and `cacheHostOrigin` with the origin's name. In the order listed, one at a time; what one cannot
 * give the origin is asked for. They speak http only, so what is https goes to the origin.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { messageOf } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { UpstreamPort, UpstreamRequest, UpstreamResponse } from '../ports.ts'

export interface CacheHostRules {
  readonly hosts: readonly string[]
  /** How long they are tried before the origin is; null: one failure is enough. */
  readonly foregroundFallbackMs: Millis | null
  readonly backgroundFallbackMs: Millis | null
}

/** One that failed is left alone for so long, while there are others or the origin to ask. */
const restMs: Millis = minuteMs
/** Between two rounds while the delay runs. */
const roundMs: Millis = secondMs

export function withCacheHosts<Upstream extends UpstreamPort>(
  upstream: Upstream,
  parts: {
    readonly rules: () => CacheHostRules
    /** Whether a cache host may be asked for this URL at all: Microsoft's downloads, and what is of their kind. */
    readonly isForCacheHosts: (url: string) => boolean
    readonly log: Log
    readonly now: () => Millis
    readonly pause?: (ms: Millis, signal: AbortSignal) => Promise<unknown>
  }
): Upstream {
  const pause = parts.pause ?? ((ms, signal) => wait(ms, undefined, { signal }))
  const restsUntil = new Map<string, Millis>()

  /** Null: it cannot help. */
  async function ask(host: string, request: UpstreamRequest): Promise<UpstreamResponse | null> {
    try {
      const response = await upstream.request({
        ...request,
        url: onCacheHost(request.url, host),
        followRedirects: false
      })
      // A 416 is an answer about the content; other errors, and being sent elsewhere, are about the cache host.
      if (response.status < 300 || response.status === 304 || response.status === 416)
        return { ...response, url: request.url, via: `cache host ${host}` }
      response.cancel()
      throw new Error(`it answered ${response.status}`)
    } catch (error) {
      if (request.signal.aborted) throw error
      restsUntil.set(host, parts.now() + restMs)
      parts.log.info(
        { host, url: withoutQuery(request.url), problem: messageOf(error) },
        'a cache host did not help'
      )
      return null
    }
  }

  async function request(one: UpstreamRequest): Promise<UpstreamResponse> {
    const { hosts, foregroundFallbackMs, backgroundFallbackMs } = parts.rules()
    if (
      hosts.length === 0 ||
      one.method !== 'GET' ||
      !one.url.startsWith('http:') ||
      !parts.isForCacheHosts(one.url)
    )
      return await upstream.request(one)
    const patienceMs = (one.isBackground === true ? backgroundFallbackMs : foregroundFallbackMs) ?? 0
    const until = parts.now() + patienceMs
    for (;;) {
      // With a delay each of them gets another chance, however often it failed.
      const able = hosts.filter(host => patienceMs > 0 || (restsUntil.get(host) ?? 0) <= parts.now())
      for (const host of able) {
        const response = await ask(host, one)
        if (response !== null) return response
      }
      if (parts.now() + roundMs > until) return await upstream.request(one)
      await pause(roundMs, one.signal)
    }
  }

  return { ...upstream, request }
}

/** `http://origin/path?query` at a cache host. */
export function onCacheHost(url: string, host: string): string {
  const origin = new URL(url)
  const address = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const query = `${origin.search === '' ? '?' : `${origin.search}&`}cacheHostOrigin=${encodeURIComponent(origin.host)}`
  return `http://${address}${origin.pathname}${query}`
}
