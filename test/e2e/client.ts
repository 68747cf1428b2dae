/**
 * A client of the agent's proxy, as Windows Update or curl would be one: HTTP/1.1 with the whole URL in the
 * request line. Reads in constant memory and hashes as it reads.
 */
import { createHash } from 'node:crypto'
import { Agent, request as startRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export interface Download {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Bytes
  readonly sha256: string
  readonly firstByteMs: Millis
  readonly ms: Millis
}

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
  readonly body?: string
  readonly signal?: AbortSignal
  /** Told with the bytes so far, at each piece. */
  readonly onBytes?: (bytes: Bytes) => void
}

/** Through `proxy`, or directly when it is null. @throws the socket's error when the body ends early */
export async function download(
  proxy: string | null,
  url: string,
  options: DownloadOptions = {}
): Promise<Download> {
  const startedAt = performance.now()
  // A connection of its own for each, so that a client's fate never hangs on another's.
  const agent = new Agent({ keepAlive: false })
  try {
    const response = await ask(proxy, url, options, agent)
    const hash = createHash('sha256')
    let bytes = 0
    let firstByteMs: Millis | null = null
    await pipeline(response, async pieces => {
      for await (const piece of pieces as AsyncIterable<Buffer>) {
        firstByteMs ??= performance.now() - startedAt
        bytes += piece.length
        hash.update(piece)
        options.onBytes?.(bytes)
      }
    })
    const ms = performance.now() - startedAt
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      bytes,
      sha256: hash.digest('hex'),
      firstByteMs: Math.round(firstByteMs ?? ms),
      ms: Math.round(ms)
    }
  } finally {
    agent.destroy()
  }
}

function ask(
  proxy: string | null,
  url: string,
  options: DownloadOptions,
  agent: Agent
): Promise<IncomingMessage> {
  const target = new URL(url)
  const way = proxy === null ? target : new URL(proxy)
  return new Promise((resolve, reject) => {
    const request = startRequest(
      {
        agent,
        host: way.hostname,
        port: way.port,
        path: proxy === null ? target.pathname + target.search : url,
        method: options.method ?? 'GET',
        headers: { host: target.host, ...options.headers },
        ...(options.signal === undefined ? {} : { signal: options.signal })
      },
      resolve
    )
    request.on('error', reject)
    request.end(options.body)
  })
}

/** The body as JSON. @throws Error with status and text when it is not a 2xx. */
export async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text) as T
}
