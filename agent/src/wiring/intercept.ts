/** TLS interception, if this agent does it. */
import { filesIn, type AgentConfig } from '../config.ts'
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts'
import { createIntercept, type Intercept } from '../intercept/intercept.ts'
import type { Log } from '../log.ts'
import type { StorePort } from '../ports.ts'
import { isListed } from '../proxy/host-patterns.ts'
import { remembered } from './memory.ts'

/** Null: TLS is tunnelled. */
export async function startIntercept(
  {
    store,
    problem,
    log
  }: {
    readonly store: Pick<StorePort, 'recall' | 'remember'>
    readonly problem: (sentence: string) => void
    readonly log: Log
  },
  config: AgentConfig
): Promise<Intercept | null> {
  const { enabled, hosts } = config.intercept
  if (!enabled) return null
  return await createIntercept(
    {
      files: { read: readSecretFile, write: writeSecretFile },
      recall: () => store.recall(remembered.tunnelled),
      remember: value => store.remember(remembered.tunnelled, value),
      problem,
      log
    },
    {
      caFile: filesIn(config.dataFolder).interceptCa,
      hosts,
      isListed: (listed, host, port) => isListed(listed, host, port, 443)
    }
  )
}
