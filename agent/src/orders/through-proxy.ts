/**
 * One step of an order: a GET of a range through this agent's own proxy, as any program of this machine would make it in the background. So
 * an order has no way round: who may be asked, by which rules and mirrors and over which upstreams is decided where it is for everybody. What
 * comes is kept by the swarm and thrown away here.
 */
import { Agent, request, type IncomingMessage } from 'node:http'
import { messageOf } from '@starling/shared/errors.ts'
import { contentRangeOf } from '@starling/shared/http-fields.ts'
import { orderReasonLengthMax } from '@starling/shared/orders.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export type StepEnd =
  /** It came out of the swarm, which keeps it. `length`: of all of it. */
  | { readonly kind: 'swarm'; readonly length: Bytes | null }
  /** It is small, and all of it is in the small cache. */
  | { readonly kind: 'small'; readonly length: Bytes }
  | { readonly kind: 'moved'; readonly to: string }
  /** The same will be said again, for a while. */
  | { readonly kind: 'refused'; readonly why: string }
  /** It may go better in a moment. */
  | { readonly kind: 'failed'; readonly why: string }

export type FetchStep = (url: string, start: Bytes, end: Bytes, signal: AbortSignal) => Promise<StepEnd>

/** Longer than an agent waits for an origin by itself. */
const silenceMs: Millis = 2 * minuteMs
const textBytesMax: Bytes = 2048

/** @param proxy where it listens: `http://127.0.0.1:17831` */
export function stepsThrough(proxy: string): FetchStep {
  return async (url, start, end, signal) => {
    // A connection of its own: no proxy from the environment may stand between us and ours.
    const agent = new Agent({ keepAlive: false })
    try {
      const response = await ask(proxy, url, start, end, signal, agent)
      try {
        return await read(response, url)
      } finally {
        response.destroy()
      }
    } catch (error) {
      signal.throwIfAborted()
      return { kind: 'failed', why: sentence(`the download broke off (${messageOf(error)})`) }
    } finally {
      agent.destroy()
    }
  }
}

async function ask(
  proxy: string,
  url: string,
  start: Bytes,
  end: Bytes,
  signal: AbortSignal,
  agent: Agent
): Promise<IncomingMessage> {
  const way = new URL(proxy)
  return await new Promise((resolve, reject) => {
    const asked = request(
      {
        agent,
        host: reachable(way.hostname.replace(/^\[|\]$/g, '')),
        port: way.port,
        path: url,
        headers: {
          host: new URL(url).host,
          'user-agent': 'starling-order',
          'accept-encoding': 'identity',
          priority: 'u=7',
          range: `bytes=${start}-${end - 1}`
        },
        signal
      },
      resolve
    )
    asked.setTimeout(silenceMs, () => {
      asked.destroy(new Error('nothing came for two minutes'))
    })
    asked.on('error', reject).end()
  })
}

async function read(response: IncomingMessage, url: string): Promise<StepEnd> {
  const status = response.statusCode ?? 0
  const [how = '', ...told] = String(response.headers['x-starling'] ?? '').split('; ')
  const { location } = response.headers
  if (location !== undefined && [301, 302, 303, 307, 308].includes(status))
    return URL.canParse(location, url)
      ? { kind: 'moved', to: new URL(location, url).href }
      : { kind: 'refused', why: 'the origin leads to what is no web address' }
  if (how === 'own') {
    const why = sentence(withoutName(await textOf(response)))
    return { kind: status >= 500 ? 'failed' : 'refused', why }
  }
  if (status !== 200 && status !== 206) {
    const why = `the origin answers ${status}`
    return { kind: status >= 500 || status === 408 || status === 429 ? 'failed' : 'refused', why }
  }
  const isKept = how === 'cache' || told.at(-1) === 'kept'
  if (how !== 'swarm' && !isKept) {
    // What each agent would fetch for itself, and throw away, is not begun.
    const why = told.join('; ').replace(/^reason=/, '')
    if (why.startsWith('the transfer failed')) return { kind: 'failed', why: sentence(why) }
    return { kind: 'refused', why: sentence(`the answer cannot be kept: ${why}`) }
  }
  let bytes: Bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) bytes += part.length
  const total = contentRangeOf(response.headers['content-range'] ?? null)?.total ?? null
  return how === 'swarm'
    ? { kind: 'swarm', length: total ?? (status === 200 ? bytes : null) }
    : { kind: 'small', length: total ?? bytes }
}

/** Who listens everywhere listens on loopback as well. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response as AsyncIterable<string>) {
    text += piece
    if (text.length > textBytesMax) break
  }
  return text
}

function withoutName(text: string): string {
  return text.trim().replace(/^Starling: /, '')
}

export function sentence(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, orderReasonLengthMax)
}
