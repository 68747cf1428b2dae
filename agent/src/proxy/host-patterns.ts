/**
 * Hosts as configuration lists them, pure: `files.example`, `*.files.example` (which is also files.example itself), `*`, each
 * with a `:port` or without. What a pattern without a port means depends on what it is for.
 */
import { hostMatches } from '@starling/shared/content-classes/content-class.ts'

export interface HostPattern {
  /** In lower case. */
  readonly name: string
  /** Null: the pattern names none. */
  readonly port: number | null
}

export function hostPattern(text: string): HostPattern {
  const [name, port] = text.toLowerCase().split(':')
  return { name: name ?? '', port: port === undefined ? null : Number(port) }
}

/** @param portUnsaid the port of patterns that name none; null: they mean any port */
export function isListed(
  patterns: readonly string[],
  host: string,
  port: number,
  portUnsaid: number | null = null
): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return patterns.map(hostPattern).some(pattern => {
    const meant = pattern.port ?? portUnsaid
    return (meant === null || meant === port) && hostMatches(pattern.name, name)
  })
}
