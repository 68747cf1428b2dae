/**
 * Microsoft's update servers and a WSUS, on one port of loopback: files under the names, addresses and conditions that
 * real clients meet, and whatever can go wrong with them (rules.ts). Content, ranges, faults and counting are those of the
 * origin (origin.ts); here is what stands before it.
 *
 * Clients ask for names that do not lead here. They get here through an agent to which this server is the upstream
 * proxy (it takes whole addresses in the request line), or because a replayer connects here whatever the name.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { hourMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { bytesContent, seededContent, sha1Of, sha256Of, type Content } from '../content.ts'
import { startOrigin, type Front, type Origin, type PlainAnswer } from '../origin.ts'
import { pieceHashesOf } from './piece-hashes.ts'
import { createRules, type Asked, type Rules } from './rules.ts'
import { createUrlSigner } from './signed-urls.ts'
import { answerSoap, type SoapFile } from './soap.ts'

/** What the update service tells a client about a file (over TLS, in truth) before it is fetched. */
export interface Offer {
  readonly url: string
  readonly length: Bytes
  /** In hex. */
  readonly sha1: string
  readonly sha256: string
  readonly pieces: { readonly url: string; readonly hashOfHashes: string } | null
}

export interface UpdateFile {
  /** Where the origin counts it. */
  readonly path: string
  /** Made anew each time, as each client is told another signature. */
  offer(): Offer
}

export interface WindowsUpdate {
  readonly url: string
  /** Counts, replaces contents, limits the line. */
  readonly origin: Origin
  readonly rules: Rules
  /** Every request that came, in order. */
  readonly asked: readonly Asked[]
  /** A file of Delivery Optimization: a GUID for a name, a signed query, a pieces hash file beside it. */
  delivery(content: Content): Promise<UpdateFile>
  /** A file of the old path form: the SHA-1 in its name, a pieces hash file under /phf/. */
  download(name: string, extension: string, content: Content): Promise<UpdateFile>
  /** A file of the WSUS, named by its SHA-1 and listed in its answers. */
  wsus(name: string, extension: string, content: Content): Promise<UpdateFile>
  close(): Promise<void>
}

export interface WindowsUpdateOptions {
  /** Behave as a cache host (Connected Cache) would: `cacheHostOrigin` names the origin and is taken off the query. */
  readonly asCacheHost?: boolean
  readonly signatureLifetimeMs?: Millis
  readonly now?: () => Millis
}

const deliveryHost = 'tlu.dl.delivery.mp.microsoft.com'
const downloadHost = 'au.download.windowsupdate.com'
const piecesHost = 'download.windowsupdate.com'
export const wsusHost = 'wsus.corp.example:8530'
/** Microsoft's own test of a cache host asks for it; it is that long. */
export const healthCheck = { host: downloadHost, path: '/mscomtest/wuidt.gif', length: 969_710 } as const

export async function startWindowsUpdate(options: WindowsUpdateOptions = {}): Promise<WindowsUpdate> {
  const now = options.now ?? Date.now
  const lifetimeMs = options.signatureLifetimeMs ?? 6 * hourMs
  const signer = createUrlSigner(randomUUID(), now)
  const rules = createRules()
  const asked: Asked[] = []
  const signedPaths = new Set<string>()
  const wsusFiles: SoapFile[] = []

  const front: Front = async (request, path) => {
    const ask = askedOf(request, options.asCacheHost === true)
    asked.push(ask)
    // Read in any case: what is left unread would stand before the next request on this connection.
    const body = await text(request)
    const rule = rules.take(ask)
    return { faults: rule?.faults ?? {}, answer: rule?.answer ?? own(ask, path, body) }
  }

  /** Null: the content decides. */
  function own(ask: Asked, path: string, body: string): PlainAnswer | null {
    if (ask.query.has('cacheHostOrigin'))
      return plain(400, 'cacheHostOrigin is for cache hosts, not for the origin')
    if (/\.asmx$/i.test(path) && ask.method === 'POST') {
      const action = ask.headers.soapaction?.toString() ?? ''
      return answerSoap(path, action, body, { now: now(), server: `http://${ask.host}`, files: wsusFiles })
    }
    if (!servedAt(ask.host, path)) return plain(404, `${ask.host} has no ${path}`)
    const refusal = signedPaths.has(path) ? signer.refusal(path, ask.query) : null
    return refusal === null ? null : plain(403, refusal)
  }

  const origin = await startOrigin({ front })
  origin.put(healthCheck.path, seededContent('wuidt.gif', healthCheck.length))

  async function publish(
    path: string,
    host: string,
    content: Content,
    piecesUrl: ((hashOfHashes: string) => string) | null
  ): Promise<UpdateFile> {
    origin.put(path, content)
    const [sha1, sha256] = await Promise.all([sha1Of(content), sha256Of(content)])
    let pieces: Offer['pieces'] = null
    if (piecesUrl !== null) {
      const hashes = await pieceHashesOf(content)
      pieces = { url: piecesUrl(hashes.HashOfHashes), hashOfHashes: hashes.HashOfHashes }
      origin.put(new URL(pieces.url).pathname, bytesContent(Buffer.from(JSON.stringify(hashes))))
    }
    return {
      path,
      offer: () => {
        const query = signedPaths.has(path) ? signer.sign(path, lifetimeMs) : ''
        return { url: `http://${host}${path}${query}`, length: content.length, sha1, sha256, pieces }
      }
    }
  }

  return {
    url: origin.url,
    origin,
    rules,
    asked,
    async delivery(content) {
      const path = `/filestreamingservice/files/${randomUUID()}`
      signedPaths.add(path)
      return await publish(path, deliveryHost, content, () => `http://${deliveryHost}${path}/pieceshash`)
    },
    async download(name, extension, content) {
      const sha1 = await sha1Of(content)
      const path = `/c/msdownload/update/software/updt/2026/01/${name}_${sha1}.${extension}`
      return await publish(path, downloadHost, content, hashes => {
        const hex = Buffer.from(hashes, 'base64').toString('hex').toUpperCase()
        return `http://${piecesHost}/phf/dotc/${sha1}/${hex}`
      })
    },
    async wsus(name, extension, content) {
      const [sha1, sha256] = await Promise.all([sha1Of(content), sha256Of(content)])
      const hex = sha1.toUpperCase()
      const path = `/Content/${hex.slice(-2)}/${hex}.${extension}`
      const revision = 1000 + wsusFiles.length
      wsusFiles.push({ revision, name: `${name}.${extension}`, path, length: content.length, sha1, sha256 })
      return await publish(path, wsusHost, content, null)
    },
    close: () => origin.close()
  }
}

function askedOf(request: IncomingMessage, asCacheHost: boolean): Asked {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? ''}`)
  const query = url.searchParams
  const named = asCacheHost ? query.getAll('cacheHostOrigin').at(-1) : undefined
  if (asCacheHost) query.delete('cacheHostOrigin')
  const host = (named ?? url.host).toLowerCase()
  return { method: request.method ?? '', host, path: url.pathname, query, headers: request.headers }
}

/** Each file is at its own hosts; a WSUS has whatever name it was given. */
function servedAt(host: string, path: string): boolean {
  if (path.startsWith('/filestreamingservice/')) return host.endsWith('.delivery.mp.microsoft.com')
  if (path.startsWith('/Content/')) return !/(microsoft|windowsupdate)\.com$/.test(host)
  return host.endsWith('.windowsupdate.com')
}

function plain(status: number, body: string): PlainAnswer {
  return { status, headers: { 'content-type': 'text/plain' }, body: `${body}\n` }
}
