/** How fast things move: from the last few snapshots of the agent. */
import type { AgentStatus, TransferView } from '../../ports.ts'

type Moving = Pick<AgentStatus, 'transfers' | 'totals'>

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

function receivedOf({ bytes }: TransferView): number {
  return bytes.fromPeers + bytes.fromGateway + bytes.fromUpstream
}

/** What moves: bytes that arrive, or, once all are here, bytes that leave to programs; and those of the whole agent. */
function sampleOf({ transfers, totals }: Moving, at: number): Sample {
  return {
    at,
    bytes: new Map([
      ...transfers.map(
        transfer =>
          [
            transfer.transfer as string,
            // What came, and not what was kept of it: a full disk keeps nothing of what flows past.
            transfer.complete ? transfer.bytes.toClients : receivedOf(transfer)
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

  add(status: Moving, now: number): void {
    this.#samples.push(sampleOf(status, now))
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? now) < now - rateWindowMs)
      this.#samples.shift()
  }

  forget(): void {
    this.#samples = []
  }

  /** The end is now and not the last event, so a stall brings the rate down. */
  at(now: number): RatesNow {
    const recent = this.#samples.filter(sample => sample.at >= now - rateWindowMs)
    const last = this.#samples.at(-1)
    const of = (key: string): number => {
      const bytes = last?.bytes.get(key)
      // Of what began within this time, since it was first seen.
      const first = recent.find(sample => sample.bytes.has(key))
      if (first === undefined || bytes === undefined) return 0
      const seconds = Math.max(0.25, (now - first.at) / 1000)
      return Math.max(0, bytes - (first.bytes.get(key) ?? bytes)) / seconds
    }
    return { of, fromLan: of(lan), fromOrigin: of(origin), given: of(given) }
  }
}

/** Somebody reads it, or bytes of it come. */
export function isUnderWay(transfer: TransferView, rates: RatesNow): boolean {
  return (
    transfer.readers > 0 || (!transfer.complete && (transfer.peers > 0 || rates.of(transfer.transfer) > 0))
  )
}
