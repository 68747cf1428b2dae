/** Which URLs a cache host fetches: those of Microsoft's delivery, and the hosts that policy adds. Pure. */
import { isListed } from './host-patterns.ts'

/** Until the content classes say it themselves. */
const microsoft = ['*.windowsupdate.com', '*.delivery.mp.microsoft.com']

/** @param origins hosts as `cacheHost.origins` has them: `*.files.example`, `wsus.corp.example:8530` */
export function cacheHostAllows(url: string, origins: readonly string[]): boolean {
  const { hostname, port, protocol } = new URL(url)
  const portUsual = protocol === 'https:' ? 443 : 80
  return isListed([...microsoft, ...origins], hostname, Number(port || portUsual), portUsual)
}
