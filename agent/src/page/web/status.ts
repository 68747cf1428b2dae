/** What the agent says, as the page keeps it: the last snapshot, and rates from the last few of them. */
import type { AgentStatus, PeerView, TransferView } from '../../ports.ts'
import type { BytesBySource } from '@starling/shared/web/source-bar.tsx'

export type Status = AgentStatus & { readonly transfersTotal: number }
export type Transfer = TransferView
export type Peer = PeerView

/** Rates are means over so long: shorter jitters with every chunk of a slow line, longer lies about a stall. */
const rateWindowMs = 6000

interface Sample {
  readonly at: number
  readonly bytes: ReadonlyMap<string, number>
}

/** Keys of what is no transfer: a transfer's id is in hex. */
const lan = 'lan'
const origin = 'origin'
const given = 'given'

/** What moves: bytes that arrive, or, once all are here, bytes that leave to programs; and those of the whole agent. */
function sampleOf({ transfers, totals }: Status, at: number): Sample {
  return {
    at,
    bytes: new Map([
      ...transfers.map(
        transfer =>
          [
            transfer.transfer as string,
            transfer.complete ? transfer.bytes.toClients : transfer.keptBytes
          ] as const
      ),
      [lan, totals.fromPeers + totals.fromGateway],
      [origin, totals.fromUpstream],
      [given, totals.toPeers]
    ])
  }
}

/** Bytes a second. */
export interface RatesNow {
  of(transfer: string): number
  readonly fromLan: number
  readonly fromOrigin: number
  readonly given: number
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

  /** The end is now and not the last event, so a stall brings the rate down. */
  at(now: number): RatesNow {
    const first = this.#samples.find(sample => sample.at >= now - rateWindowMs)
    const last = this.#samples.at(-1)
    const of = (key: string): number => {
      const bytes = last?.bytes.get(key)
      if (first === undefined || bytes === undefined) return 0
      const seconds = Math.max(0.25, (now - first.at) / 1000)
      return Math.max(0, bytes - (first.bytes.get(key) ?? bytes)) / seconds
    }
    return { of, fromLan: of(lan), fromOrigin: of(origin), given: of(given) }
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

/** All that came since the agent started. */
export function totalsOf({ totals }: Status): BytesBySource {
  return {
    cache: totals.fromCache,
    peers: totals.fromPeers,
    gateway: totals.fromGateway,
    origin: totals.fromUpstream
  }
}

/** Somebody reads it, or bytes of it come. */
export function isUnderWay(transfer: Transfer, rates: RatesNow): boolean {
  return (
    transfer.readers > 0 || (!transfer.complete && (transfer.peers > 0 || rates.of(transfer.transfer) > 0))
  )
}
