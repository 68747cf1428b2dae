/** What the agent says, as the page keeps it: the last snapshot, and rates from the last few of them. */
import type { AgentStatus, PeerView, TransferView } from '../../ports.ts'
import type { BytesBySource } from '@starling/shared/web/source-bar.tsx'

export type Status = AgentStatus & { readonly transfersTotal: number }
export type Transfer = TransferView
export type Peer = PeerView

/** Rates are means over so long: shorter jitters with every chunk, longer lies about a stall. */
const rateWindowMs = 3000

interface Sample {
  readonly at: number
  readonly bytes: ReadonlyMap<string, number>
}

/** What moves: bytes that arrive, or, once all are here, bytes that leave to programs. */
function sampleOf(status: Status, at: number): Sample {
  return {
    at,
    bytes: new Map(
      status.transfers.map(transfer => [
        transfer.transfer,
        transfer.complete ? transfer.bytes.toClients : transfer.keptBytes
      ])
    )
  }
}

/** By the page's own clock: bytes that came at once after a pause did not take the pause to come. */
export class Rates {
  #samples: Sample[] = []

  add(status: Status, now: number): void {
    this.#samples.push(sampleOf(status, now))
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? now) < now - rateWindowMs)
      this.#samples.shift()
  }

  forget(): void {
    this.#samples = []
  }

  /** Bytes a second, by transfer; the end is now and not the last event, so a stall brings the rate down. */
  at(now: number): ReadonlyMap<string, number> {
    const first = this.#samples.find(sample => sample.at >= now - rateWindowMs)
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined) return new Map()
    const seconds = Math.max(0.25, (now - first.at) / 1000)
    return new Map(
      [...last.bytes].map(([transfer, bytes]) => [
        transfer,
        Math.max(0, bytes - (first.bytes.get(transfer) ?? bytes)) / seconds
      ])
    )
  }
}

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

export function isUnderWay(transfer: Transfer): boolean {
  return transfer.readers > 0 || (!transfer.complete && transfer.peers > 0)
}
