/** Hosts beside those of the content classes that a cache host may fetch from, pure. */

/** @param origins hosts as `cacheHost.origins` has them: `*.files.example`, `wsus.corp.example:8530` */
export function isListedOrigin(url: string, origins: readonly string[]): boolean {
  const { hostname, port } = new URL(url)
  return origins.some(pattern => {
    const [name = '', at = ''] = pattern.toLowerCase().split(':')
    if (at !== port) return false
    return (
      name === '*' || name === hostname || (name.startsWith('*.') && `.${hostname}`.endsWith(name.slice(1)))
    )
  })
}
