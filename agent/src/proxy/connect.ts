/** CONNECT: a tunnel to an allowed port, for bytes that are none of our business (TLS, mostly). */
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from '../log.ts'
import type { TunnelPort } from '../ports.ts'
import { hasPassed, headersOf } from './fields.ts'
import { tunnelProbeMs } from './limits.ts'
import { closeWithError, closeWithText } from './replies.ts'

export interface ConnectParts {
  readonly upstream: TunnelPort
  readonly log: Log
  readonly ports: ReadonlySet<number>
  readonly via: string
  /** All that is to be ended when the proxy closes. */
  readonly open: Set<AbortController>
}

export async function answerConnect(
  parts: ConnectParts,
  req: IncomingMessage,
  client: Duplex,
  first: Buffer
): Promise<void> {
  const { upstream, log, ports, via, open } = parts
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

  const target = parseAuthority(req.url ?? '')
  if (target === null)
    return closeWithText(client, 400, 'CONNECT needs a host and a port, like example.com:443')
  if (hasPassed(headersOf(req), via))
    return closeWithText(
      client,
      502,
      'this request comes from this very proxy: check the proxy settings for a loop'
    )
  if (!ports.has(target.port)) {
    return closeWithText(
      client,
      403,
      `tunnels go to ports ${[...ports].join(', ')} only: add ${target.port} to proxy.connectPorts if it is needed`
    )
  }

  try {
    const remote = await upstream.tunnel({ ...target, signal: gone.signal })
    if (client.destroyed) return void remote.destroy()
    // Either side's end is told to the other; either side's failure is the end of both.
    remote.on('error', () => client.destroy())
    remote.once('close', () => client.destroy())
    client.once('close', () => remote.destroy())
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    if (first.length > 0) remote.write(first)
    client.pipe(remote)
    remote.pipe(client)
  } catch (error) {
    if (gone.signal.aborted) return void client.destroy()
    log.info({ target: `${target.host}:${target.port}`, problem: messageOf(error) }, 'a tunnel failed')
    closeWithError(client, error)
  }
}

function parseAuthority(authority: string): { host: string; port: number } | null {
  const match = /^(\[[0-9a-f.:]+\]|[a-z0-9._-]+):(\d{1,5})$/i.exec(authority)
  const port = Number(match?.[2])
  return match === null || port < 1 || port > 65_535 ? null : { host: match[1]!, port }
}
