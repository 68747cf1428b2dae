/** Who this agent is, and whose word counts for it. */
import type { SiteId } from '@starling/shared/ids.ts'
import type { AgentConfig } from '../config.ts'
import { createTlsIdentity, type TlsIdentity } from '../identity/certificate.ts'
import { loadOrCreateIdentity, type Identity } from '../identity/keys.ts'
import { createTrust, type Trust } from '../identity/trust.ts'
import type { StorePort } from '../ports.ts'
import { remembered } from './memory.ts'

/** @param site of a member by fleet secret */
export async function openIdentity(
  store: Pick<StorePort, 'recall'>,
  { dataFolder, membersMaySign, fleetSecret }: AgentConfig,
  site: SiteId
): Promise<{ readonly identity: Identity; readonly tls: TlsIdentity; readonly trust: Trust }> {
  const identity = await loadOrCreateIdentity(dataFolder)
  const tls = await createTlsIdentity(identity)
  const trust = createTrust({
    self: identity.agentId,
    clock: Date.now,
    membersMaySign,
    fleetSecret: fleetSecret === null ? null : { secret: fleetSecret, site }
  })
  trust.restore(await store.recall(remembered.trust))
  return { identity, tls, trust }
}
