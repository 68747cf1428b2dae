/** Which settings are others than when this agent ran last, for the audit: a configuration changes between two starts. */
import { settings, withoutSecrets, type AgentConfig } from './config.ts'

export type ShownConfig = Readonly<Record<string, unknown>>

/** By path, like `proxy.host`; without secrets. */
export function shownConfig(config: AgentConfig): ShownConfig {
  const shown: unknown = withoutSecrets(config)
  const valueAt = (path: string): unknown =>
    path.split('.').reduce((node, name) => (node as ShownConfig | undefined)?.[name], shown)
  return Object.fromEntries(settings.map(({ path }) => [path, valueAt(path) ?? null]))
}

/** Null: nothing changed, or nothing is known of before. @param before as `shownConfig` told it */
export function changesOf(
  before: unknown,
  now: ShownConfig
): Readonly<Record<string, { readonly from: unknown; readonly to: unknown }>> | null {
  if (typeof before !== 'object' || before === null) return null
  const known = before as ShownConfig
  const changed = Object.entries(now).filter(
    ([path, value]) => path in known && JSON.stringify(known[path]) !== JSON.stringify(value)
  )
  if (changed.length === 0) return null
  return Object.fromEntries(changed.map(([path, to]) => [path, { from: known[path], to }]))
}
