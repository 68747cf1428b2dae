/** The way beyond the site: cache hosts of policy first, then the servers of the configuration, watched on behalf of TLS interception. */
import { getCACertificates } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { cacheHostAllows } from '@starling/shared/content-classes/cache-host.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { AgentConfig } from '../config.ts'
import { readSecretFile } from '../identity/secret-file.ts'
import type { Intercept } from '../intercept/intercept.ts'
import { watchUpstream } from '../intercept/watch-upstream.ts'
import type { Log } from '../log.ts'
import { isListedOrigin } from '../proxy/cache-host-origins.ts'
import { createRedirectCheck } from '../proxy/filters.ts'
import { upstreamCredentials } from '../upstream-credentials.ts'
import { withCacheHosts } from '../upstream/cache-hosts.ts'
import { createUpstream, type Upstream } from '../upstream/upstream.ts'

export interface WiredUpstream extends Upstream {
  /** Whether a cache host may be asked for this URL, and as one we may be. */
  isForCacheHosts(url: string): boolean
  /** Where redirects must not lead, from now on. */
  followBy(rules: AgentConfig['proxy']['rules']): void
  /**
   * Reads what the servers of this configuration want of us.
   * @returns what goes over to them; it throws, with nothing changed, when they cannot be used
   * @throws StarlingError `bad-config`
   */
  prepare(config: Pick<AgentConfig, 'upstream' | 'dataFolder'>): Promise<() => void>
}

/** @throws StarlingError `bad-config` */
export async function openUpstream(
  parts: {
    /** As it is now. */
    readonly live: () => Pick<AgentConfig, 'contentClasses' | 'cacheHost'>
    readonly cacheHosts: () => Effective['cacheHosts']
    readonly intercept: Intercept | null
    readonly log: Log
  },
  config: AgentConfig
): Promise<WiredUpstream> {
  const { live, cacheHosts, intercept, log } = parts
  let inForce = config.upstream
  let mayFollow = createRedirectCheck(config.proxy.rules)
  const isForCacheHosts = (url: string): boolean =>
    cacheHostAllows(url, live().contentClasses) || isListedOrigin(url, live().cacheHost.origins)
  const asking = createUpstream(
    { log },
    {
      ...config.upstream,
      allowPrivate: [...config.upstream.allowPrivate, ...cacheHosts().hosts],
      ca: intercept === null ? [] : systemCas(),
      mayFollow: url => mayFollow(url),
      credentials: await upstreamCredentials(config, readSecretFile),
      recognise: url => recognise(url, live().contentClasses)
    }
  )
  const watched = watchUpstream(asking, (url, why) => intercept?.originRefused(url, why))
  return {
    ...withCacheHosts(watched, {
      rules: cacheHosts,
      isForCacheHosts,
      log,
      now: () => performance.now()
    }),
    isForCacheHosts,
    followBy(rules) {
      mayFollow = createRedirectCheck(rules)
    },
    async prepare(next) {
      // What did not change needs no file, which may be gone by the time at which a change is taken back.
      if (isDeepStrictEqual(planIn(next.upstream), planIn(inForce))) return () => {}
      const credentials = await upstreamCredentials(next, readSecretFile)
      return () => {
        asking.reconfigure({ ...next.upstream, credentials })
        inForce = next.upstream
      }
    }
  }
}

/** All but the private ground, which changes by itself. */
function planIn({
  allowPrivate: _,
  ...plan
}: AgentConfig['upstream']): Omit<AgentConfig['upstream'], 'allowPrivate'> {
  return plan
}

/**
 * Clients whose TLS we open would have asked the system's store whom to trust, so the upstream does for them. Empty where
 * that is: what Node brings along counts then.
 */
function systemCas(): string[] {
  const system = getCACertificates('system')
  return system.length === 0 ? [] : [...system, ...getCACertificates('extra')]
}
