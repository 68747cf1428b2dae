/** Hosts beside those of the content classes that a cache host may fetch from, pure. */
import { isListed } from './host-patterns.ts'

/** @param origins hosts as `cacheHost.origins` has them: `*.files.example`, `wsus.corp.example:8530` */
export function isListedOrigin(url: string, origins: readonly string[]): boolean {
  const { hostname, port, protocol } = new URL(url)
  const portUsual = protocol === 'https:' ? 443 : 80
  return isListed(origins, hostname, Number(port || portUsual), portUsual)
}
