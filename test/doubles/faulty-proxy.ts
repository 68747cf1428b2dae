/**
 * A forward proxy that fails on request: what stands between a site and its origins on a bad day. It passes requests on
 * (absolute form and CONNECT) unless it is told otherwise, notes who asked for what, and can die and come back on its port.
 */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Prng } from '@starling/shared/prng.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export type ProxyFault =
  /** The connection is reset before a byte of the answer. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'status'; readonly status: number }
  /** Nothing comes, and nothing ends. */
  | { readonly kind: 'hang' }
  /** What comes is no HTTP. */
  | { readonly kind: 'garbage' }
  /** So much of the body comes, and then the connection's end or nothing more. */
  | { readonly kind: 'stop'; readonly afterBytes: Bytes; readonly how: 'reset' | 'hang' }

export interface FaultyProxy {
  readonly url: string
  /** `GET http://...`, in the order they came. */
  readonly targets: string[]
  readonly headers: IncomingMessage['headers'][]
  lastRequestAt: Millis
  fault: ProxyFault | null
  /** How many of its requests the fault hits: 1 is all. */
  faultShare: number
  /** Every connection is cut and no new one is taken. */
  die(): Promise<void>
  comeBack(): Promise<void>
}

export async function startFaultyProxy(seed = 1): Promise<FaultyProxy> {
  const prng = new Prng(seed)
  const sockets = new Set<Socket>()
  let server = createServer()
  let port = 0

  async function open(): Promise<void> {
    server = createServer(answer)
    server.on('connection', socket => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    })
    server.on('connect', tunnel)
    port = await listenOn(server, port)
  }

  function note(req: IncomingMessage): ProxyFault | null {
    proxy.targets.push(`${req.method} ${req.url}`)
    proxy.headers.push(req.headers)
    proxy.lastRequestAt = performance.now()
    return proxy.fault !== null && prng.fraction() < proxy.faultShare ? proxy.fault : null
  }

  function answer(req: IncomingMessage, res: ServerResponse): void {
    const fault = note(req)
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset') return void req.socket.resetAndDestroy()
    if (fault?.kind === 'garbage') return void req.socket.end('nonsense\r\n\r\n')
    if (fault?.kind === 'status') {
      req.resume()
      return void res.writeHead(fault.status, { 'content-length': 5 }).end('sorry')
    }
    if (!URL.canParse(req.url!)) return void res.writeHead(200).end('alive')
    const onward = request(req.url!, { method: req.method!, headers: req.headers, agent: false }, came => {
      res.writeHead(came.statusCode!, came.rawHeaders)
      if (fault === null) return void came.pipe(res)
      let left = fault.afterBytes
      came.on('data', (part: Buffer) => {
        if (left <= 0) return
        res.write(part.subarray(0, left), () => {
          if (left <= 0 && fault.how === 'reset') req.socket.destroy()
        })
        left -= part.length
      })
    })
    onward.on('error', () => res.destroy())
    req.pipe(onward)
  }

  function tunnel(req: IncomingMessage, socket: Socket): void {
    const fault = note(req)
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset') return void socket.resetAndDestroy()
    if (fault?.kind === 'garbage') return void socket.end('nonsense\r\n\r\n')
    if (fault?.kind === 'status')
      return void socket.end(`HTTP/1.1 ${fault.status} no\r\ncontent-length: 0\r\n\r\n`)
    const { hostname, port: to } = new URL(`http://${req.url}`)
    const onward = connect(Number(to), hostname.replace(/^\[|\]$/g, ''), () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.once('close', () => onward.destroy())
  }

  const proxy: FaultyProxy = {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    targets: [],
    headers: [],
    lastRequestAt: 0,
    fault: null,
    faultShare: 1,
    async die() {
      // Dead already, it says so, and that is no failure.
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
    comeBack: open
  }
  await open()
  return proxy
}

async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}
