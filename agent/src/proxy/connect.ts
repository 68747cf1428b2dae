/**
 * CONNECT: a tunnel to an allowed host and port, for bytes that are none of our business (TLS, mostly); or, for hosts that are
 * listed for it, a TLS connection that ends here (InterceptPort).
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from '../log.ts'
import type { InterceptPort, OpenedTls, TunnelPort } from '../ports.ts'
import { hasPassed, headersOf, viaOf } from './fields.ts'
import { isListed } from './host-patterns.ts'
import { closeWithError, closeWithText, loopText } from './replies.ts'
import { join, watchClient } from './two-ways.ts'

export interface ConnectParts {
  readonly upstream: TunnelPort
  readonly log: Log
  readonly ports: ReadonlySet<number>
  /** Patterns; none: all hosts. */
  readonly hosts: readonly string[]
  readonly via: string
  /** All that is to be ended when the proxy closes. */
  readonly open: Set<AbortController>
  readonly intercept?: InterceptPort
}

/** @param serve takes a connection that was opened instead of tunnelled */
export async function answerConnect(
  parts: ConnectParts,
  req: IncomingMessage,
  client: Duplex,
  first: Buffer,
  serve: (opened: OpenedTls) => void
): Promise<void> {
  const { upstream, log, via, open, intercept } = parts
  const gone = watchClient(client, open)
  const target = parseAuthority(req.url ?? '')
  if (target === null)
    return closeWithText(client, 400, 'CONNECT needs a host and a port, like example.com:443')
  const headers = headersOf(req)
  if (hasPassed(headers, via)) return closeWithText(client, 508, loopText)
  const refusal = refusalOf(target, parts)
  if (refusal !== null) return closeWithText(client, 403, refusal)

  const asked = { ...target, client: req.socket.remoteAddress }
  const isOpened = intercept?.wants(asked) === true
  try {
    if (intercept !== undefined && isOpened) {
      client.write(established)
      client.unshift(first)
      const opened = await intercept.open(asked, client)
      if (opened === 'gone') return void client.destroy()
      if (opened !== 'tunnel') return serve(opened)
    }
    const remote = await upstream.tunnel({
      ...target,
      via: viaOf(headers, req.httpVersion, via),
      client: asked.client,
      signal: gone.signal
    })
    if (client.destroyed) return void remote.destroy()
    if (!isOpened) client.write(established)
    if (!isOpened && first.length > 0) remote.write(first)
    join(client, remote)
  } catch (error) {
    if (gone.signal.aborted) return void client.destroy()
    log.info({ target: `${target.host}:${target.port}`, problem: messageOf(error) }, 'a tunnel failed')
    if (isOpened) return void client.destroy()
    closeWithError(client, error)
  }
}

const established = 'HTTP/1.1 200 Connection Established\r\n\r\n'

interface Authority {
  readonly host: string
  readonly port: number
}

/** Null: policy has nothing against it. */
function refusalOf({ host, port }: Authority, { ports, hosts }: ConnectParts): string | null {
  if (!ports.has(port))
    return `tunnels go to ports ${[...ports].join(', ')} only: add ${port} to proxy.connectPorts if it is needed`
  if (hosts.length > 0 && !isListed(hosts, host, port))
    return `tunnels go to ${hosts.join(', ')} only: add ${host} to proxy.connectHosts if it is needed`
  return null
}

function parseAuthority(authority: string): Authority | null {
  const match = /^(\[[0-9a-f.:]+\]|[a-z0-9._-]+):(\d{1,5})$/i.exec(authority)
  const port = Number(match?.[2])
  return match === null || port < 1 || port > 65_535 ? null : { host: match[1]!, port }
}
