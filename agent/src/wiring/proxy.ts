/** The proxy, and the small responses that it keeps. */
import { messageOf } from '@starling/shared/errors.ts'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import type { PurgeBook } from '@starling/shared/purge-book.ts'
import { filesIn, type AgentConfig } from '../config.ts'
import type { Intercept } from '../intercept/intercept.ts'
import type { Log } from '../log.ts'
import type { AccessLogPort, ContentPort, StorePort } from '../ports.ts'
import { openCacheDisk, type CacheDisk } from '../proxy/http-cache/disk.ts'
import { createHttpCache, type HttpCache } from '../proxy/http-cache/http-cache.ts'
import { createProxy, type Proxy, type ProxyRules } from '../proxy/http-proxy.ts'
import type { Spans } from '../telemetry/spans.ts'
import type { Stops } from '../stops.ts'
import { remembered } from './memory.ts'
import type { WiredUpstream } from './upstream.ts'

/** @throws StarlingError `listen-failed` */
export async function startProxy(
  parts: {
    readonly content: ContentPort
    readonly upstream: WiredUpstream
    readonly intercept: Intercept | null
    readonly store: Pick<StorePort, 'recall' | 'remember'>
    readonly purged: () => Pick<PurgeBook, 'covers'>
    /** As they are now. */
    readonly classes: () => readonly ContentClass[]
    /** Whether policy lets anything be kept. */
    readonly keeps: () => boolean
    readonly accessLog: AccessLogPort
    readonly spans: Spans
    readonly problem: (sentence: string) => void
    readonly log: Log
    readonly stops: Stops
  },
  config: AgentConfig
): Promise<{ readonly proxy: Proxy; readonly smallCache: HttpCache }> {
  const { content, upstream, intercept, store, accessLog, log, stops } = parts
  const smallCache = await openSmallCache(config, parts.purged, log)
  stops.push(() => smallCache.close())
  const proxy = await createProxy(
    {
      content,
      upstream,
      cache: smallCache,
      ...(intercept === null ? {} : { intercept }),
      log,
      accessLog,
      spans: parts.spans
    },
    {
      ...config.proxy,
      ...proxyRules(config),
      day: {
        before: await store.recall(remembered.clientBytes),
        keep: bytes =>
          store.remember(remembered.clientBytes, bytes).catch((error: unknown) => {
            log.warn(
              { problem: messageOf(error) },
              'what clients had today is forgotten when this agent stops'
            )
          })
      },
      classes: parts.classes,
      cacheHost: config.cacheHost.enabled ? config.cacheHost : null,
      passesAll: () => (parts.keeps() ? null : 'DODownloadMode is 100'),
      cacheHostAllows: url => upstream.isForCacheHosts(url)
    }
  )
  stops.push(() => proxy.close())
  const { cacheHostProblem } = proxy
  if (cacheHostProblem !== null) {
    log.error(cacheHostProblem)
    parts.problem(`${cacheHostProblem} (cacheHost.port). Until then Delivery Optimization goes to Microsoft.`)
  }
  return { proxy, smallCache }
}

/** What it takes up while it runs. */
export function proxyRules({ proxy, mirrors }: AgentConfig): ProxyRules {
  return { ...proxy, connectPorts: proxy.connectPorts.map(Number), mirrors }
}

async function openSmallCache(
  { cache, dataFolder }: AgentConfig,
  purged: () => Pick<PurgeBook, 'covers'>,
  log: Log
): Promise<HttpCache> {
  const { smallQuotaBytes } = cache
  if (smallQuotaBytes === 0) return createHttpCache(null, log)
  /** What was purged while the agent was stopped, or on a full disk, lies there still. */
  async function openPurged(): Promise<CacheDisk> {
    const disk = await openCacheDisk(filesIn(dataFolder).smallCache, smallQuotaBytes, log)
    await disk.purge((key, contentClass, writtenAt) => purged().covers({ key, contentClass }, writtenAt))
    return disk
  }
  const disk = await openPurged().catch((error: unknown) => {
    log.error({ problem: messageOf(error) }, 'small responses are kept in memory only')
    return null
  })
  return createHttpCache(disk, log)
}
