/** The coordinator's policy as a source of configuration: what it says is taken over like a changed file, or refused with the reason. */
import type { AgentId } from '@starling/shared/ids.ts'
import { problemText } from '../config-problem.ts'
import { createPolicyKeeper, policyValues, type PolicyKeeper } from '../coordinator-link/policy.ts'
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts'
import { verifyPolicy } from '../identity/signatures.ts'
import type { Log } from '../log.ts'
import type { ConfigReload, PeersPort, SourcedValue } from '../ports.ts'
import type { UpstreamTotals } from '../upstream/servers.ts'

export function keepCoordinatorPolicy(
  parts: {
    readonly self: AgentId
    /** Null: it is read later, with everything else. */
    readonly take: (values: readonly SourcedValue[]) => Promise<ConfigReload | null>
    /** Whether something that the coordinator's policy says, or says no longer, waits for a restart. */
    readonly waits: () => boolean
    readonly peers: () => PeersPort | null
    readonly upstream: () => UpstreamTotals
    readonly problem: (sentence: string) => void
    readonly log: Log
  },
  dataFolder: string
): PolicyKeeper {
  return createPolicyKeeper(
    {
      self: parts.self,
      files: { readFile: readSecretFile, writeFile: writeSecretFile },
      verify: verifyPolicy,
      async apply(scopes) {
        const reload = await parts.take(policyValues(scopes))
        const fault = reload?.problems.find(({ severity }) => severity === 'error')
        return fault === undefined ? null : problemText(fault)
      },
      waits: parts.waits,
      reach() {
        const { requests, failures } = parts.upstream()
        return {
          peers: parts.peers()?.list().length ?? 0,
          upstreamTried: requests,
          upstreamFailed: failures
        }
      },
      problem(sentence) {
        if (sentence !== null) parts.problem(sentence)
      },
      log: parts.log
    },
    dataFolder
  )
}
