/**
 * A configuration as a whole policy: what stands in it under a key of its own is put beside what stands under `policy`, so that all
 * that decides reads one document, wherever it came from.
 */
import { configKeys } from '@starling/shared/policy/config-fields.ts'
import type { WholePolicy } from '@starling/shared/policy/policy.ts'
import { valueAt } from './config-sources.ts'
import type { AgentConfig } from './config.ts'

export function policyOf(config: AgentConfig): WholePolicy {
  const beside = Object.entries(configKeys).map(([name, path]) => [name, valueAt(config, path)])
  // A configuration was checked by the very schemas of these names.
  return { ...config.policy, ...Object.fromEntries(beside) } as WholePolicy
}
