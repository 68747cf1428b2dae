/** A client's connection that becomes a tunnel (CONNECT, Upgrade): its end, and how it is joined with the other side's. */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ByteStream } from '../ports.ts'
import { tunnelProbeMs } from './limits.ts'

/**
 * @param open all that is to be ended when the proxy closes
 * @returns aborted when the client goes away; aborting it ends the client's connection
 */
export function watchClient(client: Duplex, open: Set<AbortController>): AbortController {
  const gone = new AbortController()
  open.add(gone)
  gone.signal.addEventListener('abort', () => client.destroy(), { once: true })
  client.on('error', () => gone.abort())
  client.once('close', () => {
    open.delete(gone)
    gone.abort()
  })
  // A tunnel may rest for hours (the server's idle limit is for requests); TCP itself finds out who is gone.
  if (client instanceof Socket) client.setTimeout(0).setKeepAlive(true, tunnelProbeMs).setNoDelay(true)
  return gone
}

/** Either side's end is told to the other; either side's failure is the end of both. */
export function join(client: Duplex, remote: ByteStream): void {
  remote.on('error', () => client.destroy())
  remote.once('close', () => client.destroy())
  client.once('close', () => remote.destroy())
  client.pipe(remote)
  remote.pipe(client)
}
