/**
 * One file through the agent's proxy, to its end: an interrupted body is gone on with where it broke off, as long as each
 * attempt brings something; what cannot be gone on with starts again from nothing.
 */
import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { contentRangeOf, headerOf, strongEtagOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { openPart, type Part } from './part-file.ts'

export interface DownloadJob {
  readonly url: string
  /** `http://127.0.0.1:17831` */
  readonly proxy: string
  readonly file: string
  readonly resume: boolean
  /** What it must hash to, in hex. */
  readonly sha256: string | null
  /** Nobody waits for it: the agent is told so. */
  readonly background: boolean
  readonly signal: AbortSignal
  onProgress(bytes: Bytes, total: Bytes | null): void
  readonly retry?: Retry
}

export interface Retry {
  /** Attempts in a row that bring nothing before we give up: an agent restarts in a second or two. */
  readonly attemptsMax: number
  readonly delayMs: Millis
  /** Longer than an agent waits for an origin by itself. */
  readonly silenceMs: Millis
}
export const retryDefaults: Retry = { attemptsMax: 4, delayMs: secondMs, silenceMs: 2 * minuteMs }

export interface Downloaded {
  readonly bytes: Bytes
  readonly sha256: string
  /** Bytes that were there from an earlier run. */
  readonly resumedFrom: Bytes
}

/** As many as browsers follow. */
const redirectsMax = 20

/**
 * @throws StarlingError `http-status`, `digest-differs`, `interrupted`, `download-broken`, `file-unwritable`. Unless the digest
 * differs, what came is kept for the next run.
 */
export async function download(job: DownloadJob): Promise<Downloaded> {
  const { attemptsMax, delayMs } = job.retry ?? retryDefaults
  const part = await openPart(job.file, job.url, job.resume)
  const resumedFrom = part.bytes
  try {
    for (let fruitless = 0; ;) {
      const before = part.bytes
      try {
        await attempt(job, part)
        break
      } catch (error) {
        if (job.signal.aborted) throw interrupted(job, part)
        if (!isTransient(error)) throw error
        fruitless = part.bytes > before ? 0 : fruitless + 1
        if (fruitless >= attemptsMax) throw broken(job, part, error)
        await delay(delayMs, undefined, { signal: job.signal }).catch(() => {
          throw interrupted(job, part)
        })
      }
    }
    const sha256 = part.digest()
    if (job.sha256 !== null && sha256 !== job.sha256) {
      await part.discard()
      throw new StarlingError(
        'digest-differs',
        `what came hashes to ${sha256}, not to ${job.sha256}: it was thrown away. Check the digest, or whether the file has changed`
      )
    }
    const { bytes } = part
    await part.finish()
    return { bytes, sha256, resumedFrom }
  } finally {
    await part.close()
  }
}

async function attempt(job: DownloadJob, part: Part): Promise<void> {
  const { bytes, state } = part
  if (state.total !== null && bytes === state.total && bytes > 0) return
  const canResume = bytes > 0 && state.validator !== null && (state.total === null || bytes < state.total)
  const headers: Record<string, string> = canResume
    ? { range: `bytes=${bytes}-`, 'if-range': state.validator! }
    : {}
  const response = await ask(job, headers)
  try {
    const list = headersOf(response)
    const status = response.statusCode ?? 0
    const range = contentRangeOf(headerOf(list, 'content-range'))
    if (status === 416 && canResume) {
      // The part is longer than the file is now: not of this file.
      await part.restart({ ...state, validator: null, total: null })
      throw new StarlingError('transient', 'the file has become shorter')
    }
    if (status === 200) {
      await part.restart({ url: job.url, validator: validatorOf(list), total: lengthOf(response) })
    } else if (status !== 206 || !canResume || range?.start !== bytes) {
      throw await refusalOf(response, job.url)
    }
    const { total } = part.state
    job.onProgress(part.bytes, total)
    for await (const piece of response as AsyncIterable<Buffer>) {
      await part.append(piece)
      job.onProgress(part.bytes, total)
    }
    if (total !== null && part.bytes !== total)
      throw new StarlingError('transient', `${part.bytes} of ${total} bytes came`)
  } finally {
    response.destroy()
  }
}

/** Follows redirects that the agent left to its client. */
async function ask(job: DownloadJob, headers: Record<string, string>): Promise<IncomingMessage> {
  let { url } = job
  for (let hops = 0; hops <= redirectsMax; hops++) {
    const response = await send(job, url, headers)
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined)
      return response
    response.destroy()
    const next = URL.canParse(location, url) ? new URL(location, url) : null
    if (next === null || !/^https?:$/.test(next.protocol)) {
      throw new StarlingError(
        'http-status',
        `${job.url} leads to ${JSON.stringify(location)}, which is no web address`
      )
    }
    next.hash = ''
    url = next.href
  }
  throw new StarlingError(
    'http-status',
    `${job.url} leads round in circles: more than ${redirectsMax} redirects`
  )
}

function send(job: DownloadJob, url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const proxy = new URL(job.proxy)
  // An agent of its own: no proxy from the environment may stand between us and ours.
  const agent = new Agent({ keepAlive: false })
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        agent,
        host: proxy.hostname.replace(/^\[|\]$/g, ''),
        port: proxy.port,
        path: url,
        headers: {
          host: new URL(url).host,
          'user-agent': 'starling-fetch',
          'accept-encoding': 'identity',
          ...(job.background ? { priority: 'u=7' } : {}),
          ...headers
        },
        signal: job.signal
      },
      resolve
    )
    asked.setTimeout((job.retry ?? retryDefaults).silenceMs, () => {
      asked.destroy(new StarlingError('transient', 'nothing came for a long time'))
    })
    asked.on('error', reject).end()
  })
}

const headersOf = (response: IncomingMessage): HeaderList =>
  Object.entries(response.headersDistinct).flatMap(([name, values]) =>
    (values ?? []).map(value => [name, value] as const)
  )

/** What `If-Range` takes: a strong ETag, else the date. */
function validatorOf(headers: HeaderList): string | null {
  return strongEtagOf(headerOf(headers, 'etag')) ?? headerOf(headers, 'last-modified')
}

function lengthOf(response: IncomingMessage): Bytes | null {
  const text = response.headers['content-length']
  return text === undefined ? null : Number(text)
}

async function refusalOf(response: IncomingMessage, url: string): Promise<StarlingError> {
  const status = response.statusCode ?? 0
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response as AsyncIterable<string>) {
    text += piece
    if (text.length > 2000) break
  }
  const isText = response.headers['content-type']?.startsWith('text/plain') === true
  const why = isText && text.trim() !== '' ? `: ${text.trim().slice(0, 300)}` : ''
  // What stands between may be over in a moment; what the origin says of the file itself is not.
  if (status === 502 || status === 503 || status === 504) {
    return new StarlingError('transient', `answered ${status} ${response.statusMessage ?? ''}${why}`)
  }
  return new StarlingError(
    'http-status',
    `${url} was answered ${status} ${response.statusMessage ?? ''}${why}. Check the address`
  )
}

function isTransient(error: unknown): boolean {
  return (
    ['transient', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT'].includes(codeOf(error)) ||
    messageOf(error) === 'aborted'
  )
}

const goOn = (part: Part) =>
  part.bytes > 0 && part.state.validator !== null
    ? `${part.bytes} bytes are kept; the same command goes on from there`
    : 'run the same command to try again'

function interrupted(job: DownloadJob, part: Part): StarlingError {
  return new StarlingError('interrupted', `${job.url} was interrupted: ${goOn(part)}`)
}

function broken(job: DownloadJob, part: Part, cause: unknown): StarlingError {
  return new StarlingError(
    'download-broken',
    `${job.url} does not come (${messageOf(cause)}): ${goOn(part)}`,
    { cause }
  )
}
