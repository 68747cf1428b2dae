/** A byte stream to any host, by the same routes and checks as requests: what the proxy's CONNECT is made of. */
import { connect, type Socket } from 'node:net'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { ByteStream } from '../ports.ts'
import type { AddressCheck } from './address-check.ts'
import { TurnedAway } from './errors.ts'
import type { Proxy } from './routes.ts'
import { timeSocket, type Timings } from './timings.ts'

export interface TunnelTarget {
  /** An IPv6 address stands in brackets. */
  readonly host: string
  readonly port: number
  /** The Via of whoever wants it, for the proxies on the way: by it one that is asked twice sees the loop. */
  readonly via: string
  /** On whose behalf. */
  readonly client?: string | undefined
  readonly signal: AbortSignal
}

export function directTunnel(
  check: AddressCheck,
  target: TunnelTarget,
  connectMs: Millis,
  timings: Timings
): Promise<Socket> {
  const { host, port, signal } = target
  check.checkHost(host, port)
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port,
      lookup: check.lookup(port),
      signal
    })
    timeSocket(socket, timings)
    socket.setTimeout(connectMs, () => {
      socket.destroy(new StarlingError('upstream-timeout', `${host}:${port} did not answer in time`))
    })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

export async function proxyTunnel(proxy: Proxy, target: TunnelTarget): Promise<ByteStream> {
  const authority = `${target.host}:${target.port}`
  const { statusCode, socket } = await proxy.pool.connect({
    path: authority,
    headers: { host: authority, via: target.via, ...proxy.headers },
    signal: target.signal
  })
  if (statusCode >= 200 && statusCode < 300) return socket
  socket.on('error', () => {}).destroy()
  throw new TurnedAway(proxy.label, `does not tunnel to ${authority}`, statusCode)
}
