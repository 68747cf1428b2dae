/**
 * Whoever sits at an endpoint of the lab: a program that downloads through the endpoint's proxy, and that can look at the
 * agent's local page, which nobody else can. It is up before the clock starts and costs next to nothing while it waits.
 */
import { createHash } from 'node:crypto'
import { Agent, request, type IncomingMessage } from 'node:http'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { json } from '../e2e/client.ts'
import { answer } from './lines.ts'

export interface DownloadOrder {
  /** Null: directly. */
  readonly proxy: string | null
  readonly url: string
  /** Hashing costs CPU that the warm comparison wants to see in the agents. */
  readonly isHashed: boolean
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

function open(order: DownloadOrder): Promise<IncomingMessage> {
  const target = new URL(order.url)
  const way = order.proxy === null ? target : new URL(order.proxy)
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        agent: new Agent({ keepAlive: false }),
        host: way.hostname,
        port: way.port,
        path: order.proxy === null ? target.pathname : order.url,
        headers: { host: target.host }
      },
      resolve
    )
    asked.on('error', reject)
    asked.end()
  })
}

async function download(order: DownloadOrder): Promise<SeatDownload> {
  const startedAt = performance.now()
  const response = await open(order)
  const hash = createHash('sha256')
  let [bytes, firstByteAt, lastByteAt, longestPauseMs] = [0, 0, 0, 0]
  response.on('data', (piece: Buffer) => {
    const now = performance.now()
    if (bytes === 0) firstByteAt = now
    else longestPauseMs = Math.max(longestPauseMs, now - lastByteAt)
    lastByteAt = now
    bytes += piece.length
    if (order.isHashed) hash.update(piece)
  })
  await new Promise<void>((resolve, reject) => {
    response.once('end', resolve)
    response.once('error', reject)
  })
  const way = response.headers['x-starling']
  return {
    status: response.statusCode ?? 0,
    way: way === undefined ? null : String(way),
    bytes,
    sha256: order.isHashed ? hash.digest('hex') : null,
    firstByteMs: Math.round(firstByteAt - startedAt),
    longestPauseMs: Math.round(longestPauseMs),
    ms: Math.round(performance.now() - startedAt)
  }
}

answer({ download, look: (url: string) => json(url), hello: () => process.pid })
