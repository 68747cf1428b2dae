/** Which URLs a cache host fetches: those of Microsoft's delivery, and the hosts that policy adds. Pure. */

/** Until the content classes say it themselves. */
const microsoft = ['*.windowsupdate.com', '*.delivery.mp.microsoft.com']

/** @param origins hosts as `cacheHost.origins` has them: `*.files.example`, `wsus.corp.example:8530` */
export function cacheHostAllows(url: string, origins: readonly string[]): boolean {
  const { host, hostname, port } = new URL(url)
  return [...microsoft, ...origins].some(pattern => {
    const [name, at] = pattern.toLowerCase().split(':')
    if (name === undefined || (at ?? '') !== port) return false
    return (
      name === '*' ||
      name === hostname ||
      (name.startsWith('*.') && `.${host}`.split(':')[0]!.endsWith(name.slice(1)))
    )
  })
}
