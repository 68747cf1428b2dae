/** What the agent says, as the page keeps it, and where its bytes came from. */
import type { AgentStatus, PeerView, TransferView } from '../../ports.ts'
import type { BytesBySource } from '@starling/shared/web/source-bar.tsx'

export type Status = AgentStatus & { readonly transfersTotal: number }
export type Transfer = TransferView
export type Peer = PeerView

/** The bytes of a transfer that are here, by where they came from. */
export function sourcesOf({ bytes, keptBytes }: Pick<Transfer, 'bytes' | 'keptBytes'>): BytesBySource {
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
