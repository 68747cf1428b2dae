/** What a client of this machine has to know of its agent, out of the agent's settings. Nothing in it is secret: any user is told. */
import type { ConfigSetting, ServingAgent } from './ports.ts'

interface ServingMirror {
  readonly name: string
  readonly kind: string
  readonly private?: readonly string[]
}

/** @param proxyAddress where it listens; null: where it would, by its settings */
export function servingAgentOf(
  settings: readonly ConfigSetting[],
  proxyAddress: string | null
): ServingAgent {
  const values = new Map(settings.map(({ path, value }) => [path, value]))
  const at = <Value>(path: string): Value => values.get(path) as Value
  const address = new URL(proxyAddress ?? `http://${at<string>('proxy.host')}:${at<number>('proxy.port')}`)
  const host = address.hostname.replace(/^\[(.*)\]$/, '$1')
  const servers = at<ReadonlyArray<{ readonly url?: string }>>('upstream.servers')
  const mirrors = at<ServingMirror[]>('mirrors')
  return {
    host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host,
    port: Number(address.port || '80'),
    cacheHost: {
      enabled: at('cacheHost.enabled'),
      host: at('cacheHost.host'),
      port: at('cacheHost.port')
    },
    wsus: at('proxy.wsus'),
    goMirrors: mirrors.flatMap(({ name, kind, private: closed = [] }) =>
      kind === 'go' ? [{ name, private: closed }] : []
    ),
    upstreamProxies: [
      ...at<readonly string[]>('upstream.proxies'),
      ...servers.flatMap(({ url }) => url ?? [])
    ].flatMap(url => URL.parse(url)?.host ?? [])
  }
}
