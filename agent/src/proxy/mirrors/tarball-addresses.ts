/**
 * What npm's registry tells of a package names the address of each tarball, and it is the registry's own. A client that follows it
 * goes past the mirror; so these addresses are exchanged for the mirror's, as the client reached us, while the document streams
 * through. Nothing else in it changes, least of all `integrity`.
 *
 * Bytes are looked at as Latin-1, in which each byte is one character, so that a piece may end in the middle of one of UTF-8. The
 * document is kept as the registry sent it; it is compressed to a tenth, and unpacked here for each client.
 */
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { StarlingError } from '@starling/shared/errors.ts'
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'

export interface Representation {
  readonly status: number
  readonly headers: HeaderList
  readonly body: AsyncIterable<Uint8Array>
}

export interface TarballAddresses {
  /** What a client may be told of a document that is changed on its way. @throws StarlingError `upstream-bad-answer` */
  exchange<One extends Representation>(response: One, hasBody: boolean): One
}

/** Spaces that a pretty-printed document may have around a colon. */
const spacesMax = 4

/**
 * @param from the registry, ends in a slash; whether it says http or https of itself does not matter
 * @param to in the place of it
 */
export function createTarballAddresses(from: string, to: string): TarballAddresses {
  const rest = from.replace(/^https?:/, '')
  const space = `[ \\t\\r\\n]{0,${spacesMax}}`
  const pattern = new RegExp(`("tarball"${space}:${space}")https?:${RegExp.escape(rest)}`, 'g')
  const lengthMax = '"tarball":"https:'.length + 2 * spacesMax + rest.length

  async function* exchanged(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let held = ''
    for await (const part of body) {
      const text = held + Buffer.from(part).toString('latin1')
      let settled = 0
      let told = ''
      for (const match of text.matchAll(pattern)) {
        told += `${text.slice(settled, match.index)}${match[1]}${to}`
        settled = match.index + match[0].length
      }
      // What may be the beginning of an address waits for the next piece.
      const end = Math.max(settled, text.length - lengthMax + 1)
      told += text.slice(settled, end)
      held = text.slice(end)
      if (told !== '') yield Buffer.from(told, 'latin1')
    }
    if (held !== '') yield Buffer.from(held, 'latin1')
  }

  return {
    exchange(response, hasBody) {
      const { status, headers } = response
      if (status === 304) return { ...response, headers: withWeakEtag(headers) }
      if (
        status !== 200 ||
        !/^application\/([\w.+-]+\+)?json\b/i.test(headerOf(headers, 'content-type') ?? '')
      )
        return response
      const left = withWeakEtag(headers).filter(([name]) => !ofTheBytes.has(name))
      if (!hasBody) return { ...response, headers: left }
      return { ...response, headers: left, body: exchanged(unpacked(headers, response.body)) }
    }
  }
}

/** What is true of the registry's bytes only. */
const ofTheBytes: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'accept-ranges',
  'repr-digest',
  'content-digest',
  'digest'
])

/** It says the same in other bytes. */
function withWeakEtag(headers: HeaderList): HeaderList {
  return headers.map(([name, value]) => [
    name,
    name === 'etag' && value.startsWith('"') ? `W/${value}` : value
  ])
}

function unpacked(headers: HeaderList, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const encodings = tokensOf(headerOf(headers, 'content-encoding')).filter(name => name !== 'identity')
  const [encoding] = encodings
  if (encoding === undefined) return body
  if (encodings.length > 1 || (encoding !== 'gzip' && encoding !== 'x-gzip'))
    throw new StarlingError(
      'upstream-bad-answer',
      `the registry encoded its answer as ${encodings.join(', ')}, which was not asked for: mend what stands before it`
    )
  const gunzip = createGunzip()
  // What breaks shows to whoever reads the end of it.
  pipeline(Readable.from(body), gunzip, () => {})
  return gunzip
}
