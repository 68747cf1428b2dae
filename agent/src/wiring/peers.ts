/** Other agents: words to them (peers/) and chunks from and to them (bulk/), by one identity. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Role } from '@starling/shared/credential.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { createBulkTls, type BulkTls } from '../bulk/bulk-tls.ts'
import type { AgentConfig } from '../config.ts'
import type { Member } from '../coordinator-link/link.ts'
import { chooseNeighbours } from '../core/neighbours.ts'
import type { TlsIdentity } from '../identity/certificate.ts'
import type { Identity } from '../identity/keys.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from '../identity/tls.ts'
import type { Log } from '../log.ts'
import type { DialOutcomes } from '../peers/dial-outcomes.ts'
import { createPeers } from '../peers/peers.ts'
import type { PeersPort, TrustPort } from '../ports.ts'
import type { Stops } from '../stops.ts'

/** The peers are not met before they are started. @throws StarlingError `listen-failed`, `bad-address` */
export async function openPeers(
  parts: {
    readonly identity: Identity
    readonly tls: TlsIdentity
    readonly trust: TrustPort
    /** What becomes of dials, for who watches whom nobody reaches. */
    readonly dials: DialOutcomes
    /** Whom policy lets us share with at any site; null: nobody. */
    readonly group: () => string | null
    readonly host: () => Pick<HostFacts, 'adapters' | 'wifi'>
    readonly log: Log
    readonly stops: Stops
  },
  config: AgentConfig,
  place: { readonly site: SiteId; readonly role: Role; readonly member: Member | null }
): Promise<{ readonly bulk: BulkTls; readonly network: PeersPort }> {
  const { identity, tls, trust, dials, log } = parts
  const { site, role, member } = place
  let network: PeersPort | null = null
  const bulk = await createBulkTls(
    {
      dial: to => dials.watch(to.expected, dialAgent({ ...to, tls })),
      serverOptions: alpn => identityServerOptions(tls, alpn),
      agentIdOfSocket,
      mayServe: peer => network?.linked(peer) === true,
      where: peer => network?.bulkAt(peer) ?? null,
      log
    },
    { host: config.bulk.host ?? config.listen.host, port: config.bulk.port }
  )
  parts.stops.push(() => bulk.close())
  network = await createPeers(
    { trust, privateKey: identity.libp2pKey, dials, log },
    {
      listen: config.listen,
      site,
      role,
      bulkPort: bulk.port,
      fleetTag: fleetTag(config, member),
      mdns: config.mdns,
      cacheHostPort: announcedPort(config, role),
      group: parts.group,
      told() {
        const { adapters, wifi } = parts.host()
        return { name: hostname(), network: adapters.length === 0 ? null : wifi ? 'wifi' : 'wired' }
      },
      choose: known => chooseNeighbours(identity.agentId, known),
      staticPeers: config.staticPeers
    }
  )
  return { bulk, network }
}

/** Null: nobody is told. */
function announcedPort({ cacheHost }: AgentConfig, role: Role): number | null {
  return role === 'gateway' && cacheHost.enabled && cacheHost.announce ? cacheHost.port : null
}

/** First 8 bytes of a hash that names the fleet and tells nothing about its secret. */
function fleetTag(config: AgentConfig, member: Member | null): string {
  const hash = createHash('sha256')
  if (config.fleetSecret !== null) hash.update('starling/fleet-secret/1\n').update(config.fleetSecret)
  else if (member !== null) hash.update('starling/fleet/1\n').update(member.fleet)
  else if (config.ticket !== null) hash.update('starling/fleet/1\n').update(parseTicket(config.ticket).fleet)
  return hash.digest('hex').slice(0, 16)
}
