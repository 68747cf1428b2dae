/**
 * yamux answers each data frame with a window update: on a stream of small messages every second packet, and a wake-up
 * of both machines for each. A window that is mostly open needs none.
 */
import { YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { Stream } from '@libp2p/interface'
import { KiB, type Bytes } from '@starling/shared/units.ts'

/** A quarter of the window that every yamux stream begins with. */
const untoldBytesMax: Bytes = 64 * KiB

export function tellWindowRarely(stream: Stream): void {
  if (!(stream instanceof YamuxStream)) return
  // The first one goes out in any case: it may carry the answer to the stream's opening.
  let untold = untoldBytesMax
  stream.addEventListener('message', ({ data }) => {
    untold += data.byteLength
  })
  const tell = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (untold < untoldBytesMax) return
    untold = 0
    tell()
  }
}
