/**
 * Delivery Optimization of Windows, as recorded on the wire: the pieces hash file first, then the file in closed ranges of
 * 1 MiB over several connections, each with one request at a time.
 *
 * Windows 10 begins each connection with a probe for two bytes and takes the pieces in order; Windows 11 knows the
 * size from the metadata, takes them in any order, and says Content-Length: 0 with each GET. Neither sends conditions, and
 * a size that changes under one URL is an error that they remember until the next restart.
 */
import { createHash } from 'node:crypto'
import { Prng } from '@starling/shared/prng.ts'
import type { Span } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { hashOfHashes, pieceBytes, type PieceHashes } from '../piece-hashes.ts'
import type { Offer } from '../windows-update.ts'
import type { Connection, Question } from './connection.ts'
import { createReplay, rangeText, type Replay, type Replayer } from './replay.ts'

interface Pattern {
  readonly client: string
  readonly probe: boolean
  readonly shuffled: boolean
  headers(range: string | null, vector: string): Question['headers']
}

/** Seen at most, with three for the largest file among several. */
const connectionsDefault = 7

export const replayWindows10: Replayer = replayerOf({
  client: 'Windows 10 DO',
  probe: true,
  shuffled: false,
  headers: (range, vector) => [
    ['Connection', 'Keep-Alive'],
    ['Accept', '*/*'],
    ...rangeHeader(range),
    ['User-Agent', 'Microsoft-Delivery-Optimization/10.0'],
    ['MS-CV', vector],
    ['Host', '']
  ]
})

export const replayWindows11: Replayer = replayerOf({
  client: 'Windows 11 DO',
  probe: false,
  shuffled: true,
  headers: (range, vector) => [
    ['Connection', 'Keep-Alive'],
    ['Accept', '*/*'],
    ...rangeHeader(range),
    ['User-Agent', 'Microsoft-Delivery-Optimization/10.1'],
    ['MS-CV', vector],
    ['Content-Length', '0'],
    ['Host', '']
  ]
})

function replayerOf(pattern: Pattern): Replayer {
  return async (target, offer, options = {}) => {
    const replay = createReplay(pattern.client, target, offer, options)
    const prng = new Prng(options.seed ?? 1)
    // The correlation vector: one base for the download, counted up with each request.
    const base = prng.uint32().toString(36)
    let request = 0
    const headers = (range: string | null): Question['headers'] =>
      pattern.headers(range, `${base}.${++request}`)

    const digests = await fetchPieceHashes(replay, offer, headers(null))
    const pieces = piecesOf(offer.length)
    if (pattern.shuffled) prng.shuffle(pieces)
    const work = async (): Promise<void> => {
      const connection = replay.connect()
      if (pattern.probe)
        await askFor(replay, connection, offer, { start: 0, end: Math.min(2, offer.length) }, headers)
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
        const { body, good } = await askFor(replay, connection, offer, piece, headers)
        if (!good) continue
        const digest = digests?.[piece.start / pieceBytes]
        if (digest !== undefined && createHash('sha256').update(body).digest('base64') !== digest) {
          replay.complain(`${rangeText(piece)}: not the bytes of the pieces hash file`)
          continue
        }
        replay.keep(piece.start, body)
      }
    }
    const connections = Math.min(options.connections ?? connectionsDefault, pieces.length)
    await Promise.all(Array.from({ length: connections }, work))
    return replay.finish()
  }
}

function askFor(
  replay: Replay,
  connection: Connection,
  { url }: Offer,
  span: Span,
  headers: (range: string) => Question['headers']
): ReturnType<Replay['ask']> {
  const range = rangeText(span)
  return replay.ask(connection, { name: range, method: 'GET', url, headers: headers(range), expect: span })
}

/** Null: the client goes on without it, and without peers. */
async function fetchPieceHashes(
  replay: Replay,
  { pieces, length }: Offer,
  headers: Question['headers']
): Promise<readonly string[] | null> {
  if (pieces === null) return null
  const name = 'pieces hash file'
  const connection = replay.connect()
  const { exchange, body } = await replay.ask(connection, {
    name,
    method: 'GET',
    url: pieces.url,
    headers,
    expect: 'anything'
  })
  const refuse = (why: string): null => {
    replay.complain(`${name}: ${why}`)
    return null
  }
  if (exchange.status !== 200) return refuse(`status ${exchange.status} instead of 200`)
  let hashes: PieceHashes
  try {
    hashes = JSON.parse(body.toString('utf8')) as PieceHashes
  } catch (error) {
    return refuse(`it is no JSON (${messageOf(error)})`)
  }
  if (hashes.ContentLength !== length)
    return refuse(`it is for ${hashes.ContentLength} bytes instead of ${length}`)
  if (hashOfHashes(hashes.Pieces) !== pieces.hashOfHashes)
    return refuse('not the hash of hashes that was announced')
  return hashes.Pieces
}

function piecesOf(length: Bytes): Span[] {
  return Array.from({ length: Math.ceil(length / pieceBytes) }, (_, piece) => ({
    start: piece * pieceBytes,
    end: Math.min(length, (piece + 1) * pieceBytes)
  }))
}

function rangeHeader(range: string | null): Question['headers'] {
  return range === null ? [] : [['Range', range]]
}
