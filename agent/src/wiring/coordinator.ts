/**
 * The link to the coordinator. It is made before there are peers, because what they are called and whether they may be met
 * depends on the coordinator's answer; so it asks for the other parts when it needs them.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import {
  createCoordinatorLink,
  type CoordinatorLink,
  type LinkParts,
  type LinkSettings
} from '../coordinator-link/link.ts'
import { machineName } from '../coordinator-link/machine-name.ts'
import { firmwareUuid } from '../host/firmware-uuid.ts'
import type { PolicyKeeper } from '../coordinator-link/policy.ts'
import type { TlsIdentity } from '../identity/certificate.ts'
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts'
import { verifyCredential, verifyRevocationList } from '../identity/signatures.ts'
import { dialAgent } from '../identity/tls.ts'
import type { Log } from '../log.ts'
import type { AccessLogPort, PeersPort } from '../ports.ts'
import type { Purging } from '../purging.ts'

export function linkToCoordinator(
  parts: {
    readonly self: AgentId
    readonly tls: TlsIdentity
    readonly trust: LinkParts['trust']
    /** Null: there are none yet. */
    readonly peers: () => PeersPort | null
    /** Whether policy lets the coordinator introduce others to us. */
    readonly asksForPeers: () => boolean
    readonly purging: () => Purging
    readonly accessLog: () => AccessLogPort
    /** Null: who is set up by a program of its own is not told by the coordinator what to do. */
    readonly policy: PolicyKeeper | null
    readonly orders: NonNullable<LinkParts['orders']>
    readonly report: LinkParts['report']
    readonly log: Log
  },
  settings: LinkSettings
): CoordinatorLink {
  const { self, tls, trust, peers, purging, policy, report, log } = parts
  return createCoordinatorLink(
    {
      identity: {
        agentId: self,
        readFile: readSecretFile,
        writeFile: writeSecretFile,
        verifyCredential,
        verifyRevocationList,
        dial: ({ host, port, expected }) => dialAgent({ host, port, expected, tls })
      },
      trust,
      peers: {
        hint: hints => {
          if (parts.asksForPeers()) peers()?.hint(hints)
        },
        forbid: (agents, reason) => {
          peers()?.forbid(agents, reason)
        },
        hangUp: (peer, reason) => {
          peers()?.hangUp(peer, reason)
        },
        list: () => peers()?.list() ?? [],
        addresses: () => peers()?.addresses() ?? []
      },
      purges: {
        version: fleet => purging().version(fleet),
        take: (fleet, purges, to) => {
          for (const { target } of purges)
            parts.accessLog().audit({ who: fleet, what: 'purge', detail: { target } })
          return purging().fromCoordinator(fleet, purges, to)
        }
      },
      ...(policy === null ? {} : { policy }),
      orders: parts.orders,
      machine: fleet => machineName(fleet, firmwareUuid),
      report,
      log
    },
    settings
  )
}
