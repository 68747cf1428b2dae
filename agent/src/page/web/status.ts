/** What the agent says, as the page keeps it, and where its bytes came from. */
import type { AgentStatus, PeerView, TransferView } from '../../ports.ts'
import type { BytesBySource } from '@starling/shared/web/source-bar.tsx'

export type Status = AgentStatus & { readonly transfersTotal: number }
export type Transfer = TransferView
export type Peer = PeerView

/** How much of it has come: what is kept, or, of what is not kept, what has gone by. */
export function cameOf({ bytes, keptBytes, length, passesThrough }: Transfer): number {
  if (!passesThrough) return keptBytes
  return Math.min(length, Math.max(keptBytes, bytes.fromPeers + bytes.fromGateway + bytes.fromUpstream))
}

/** The same by where it came from. */
export function sourcesOf(transfer: Transfer): BytesBySource {
  const { bytes } = transfer
  const keptBytes = cameOf(transfer)
  const received = bytes.fromPeers + bytes.fromGateway + bytes.fromUpstream
  // Received can be more than kept (duplicates); the bar then shows the proportions of what is kept.
  const scale = received > keptBytes && received > 0 ? keptBytes / received : 1
  return {
    cache: Math.max(0, keptBytes - received),
    peers: bytes.fromPeers * scale,
    gateway: bytes.fromGateway * scale,
    origin: bytes.fromUpstream * scale
  }
}

/** All that came since the agent started. */
export function totalsOf({ totals }: Status): BytesBySource {
  return {
    cache: totals.fromCache,
    peers: totals.fromPeers,
    gateway: totals.fromGateway,
    origin: totals.fromUpstream
  }
}
