/**
 * Whoever sits at an endpoint of the lab: a program that downloads through the endpoint's proxy, and that can look at the
 * agent's local page, which nobody else can. It is up before the clock starts and costs next to nothing while it waits.
 */
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { KiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { json } from '../e2e/client.ts'
import { answer } from './lines.ts'

export interface DownloadOrder {
  /** Null: directly. */
  readonly proxy: string | null
  readonly url: string
  /** Hashing costs CPU that the warm comparison wants to see in the agents. */
  readonly isHashed: boolean
  /** Nobody waits for it. */
  readonly isBackground?: boolean
}

export interface SeatDownload {
  readonly status: number
  /** Of `X-Starling`; null on a direct download. */
  readonly way: string | null
  readonly bytes: Bytes
  readonly sha256: string | null
  readonly firstByteMs: Millis
  /** The longest time without a byte, after the first. */
  readonly longestPauseMs: Millis
  readonly ms: Millis
}

/** What one read may bring. A real client's is about as large; node's own HTTP client copies twice and costs three times as much. */
const readBytes: Bytes = 256 * KiB

/** An answer's head, and its body as it comes, in a buffer that is used again. */
interface Arriving {
  head(status: number, headers: ReadonlyMap<string, string>): void
  body(bytes: Uint8Array): void
}

/** One GET by HTTP/1.1, for bodies whose length is told. Resolves when all of it has come. */
function get(order: DownloadOrder, arriving: Arriving): Promise<void> {
  const target = new URL(order.url)
  const way = order.proxy === null ? target : new URL(order.proxy)
  return new Promise((resolve, reject) => {
    let head: Buffer | null = Buffer.alloc(0)
    let left = 0
    const take = (bytes: Uint8Array): void => {
      if (head === null) {
        left -= bytes.length
        arriving.body(bytes)
      } else {
        head = Buffer.concat([head, bytes])
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return
        const [first = '', ...lines] = head.toString('latin1', 0, end).split('\r\n')
        const headers = new Map(
          lines.map(line => [line.split(':', 1)[0]!.toLowerCase(), line.replace(/^[^:]*: */, '')])
        )
        const rest = head.subarray(end + 4)
        head = null
        left = Number(headers.get('content-length'))
        arriving.head(Number(first.split(' ')[1]), headers)
        if (rest.length > 0) take(rest)
      }
      if (head === null && left <= 0) {
        socket.destroy()
        resolve()
      }
    }
    const socket = connect({
      host: way.hostname,
      port: Number(way.port || 80),
      onread: {
        buffer: Buffer.alloc(readBytes),
        callback(count, buffer) {
          take(buffer.subarray(0, count))
          return true
        }
      }
    })
    socket.on('error', reject)
    socket.on('end', () => reject(new Error('the answer broke off')))
    const path = order.proxy === null ? target.pathname : order.url
    const priority = order.isBackground === true ? 'priority: u=7\r\n' : ''
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${target.host}\r\n${priority}connection: close\r\n\r\n`)
  })
}

async function download(order: DownloadOrder): Promise<SeatDownload> {
  const startedAt = performance.now()
  const hash = createHash('sha256')
  let [status, bytes, firstByteAt, lastByteAt, longestPauseMs] = [0, 0, 0, 0, 0]
  let way: string | null = null
  await get(order, {
    head(code, headers) {
      status = code
      way = headers.get('x-starling') ?? null
    },
    body(piece) {
      const now = performance.now()
      if (bytes === 0) firstByteAt = now
      else longestPauseMs = Math.max(longestPauseMs, now - lastByteAt)
      lastByteAt = now
      bytes += piece.length
      if (order.isHashed) hash.update(piece)
    }
  })
  return {
    status,
    way,
    bytes,
    sha256: order.isHashed ? hash.digest('hex') : null,
    // The direct one takes a millisecond or two: whole ones would be too coarse to compare with.
    firstByteMs: Number((firstByteAt - startedAt).toFixed(2)),
    longestPauseMs: Math.round(longestPauseMs),
    ms: Math.round(performance.now() - startedAt)
  }
}

answer({ download, look: (url: string) => json(url), hello: () => process.pid })
