/**
 * A page's own files, as .dev/pages.mjs has built them. All are read and given their path once, at the start: no part of a
 * request ever becomes a path on disk. The coordinator serves its page with this, too.
 */
import { readFile, readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'

export interface Asset {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The same, gzipped; null where that gains nothing. */
  readonly gzip: Buffer | null
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/**
 * @param folder where the built page lies
 * @returns by path: `/`, `/assets/main-Bx1.js`
 * @throws StarlingError `page-not-built`
 */
export async function loadAssets(folder: URL): Promise<ReadonlyMap<string, Asset>> {
  const root = fileURLToPath(folder)
  let files: string[]
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause
    throw new StarlingError('page-not-built', 'the page is not built: run `node .dev/setup.mjs` once', {
      cause
    })
  }
  const packed = new Set(files.filter(file => file.endsWith('.gz')))
  const loaded = files.flatMap(file => {
    const type = types[extname(file)]
    return type === undefined ? [] : [load(root, file, type, packed)]
  })
  return new Map(await Promise.all(loaded))
}

async function load(
  root: string,
  file: string,
  type: string,
  packed: ReadonlySet<string>
): Promise<[string, Asset]> {
  const name = relative(root, file).split(sep).join('/')
  const isDocument = name === 'index.html'
  const asset = {
    headers: {
      'content-type': type,
      // Every other name carries a hash of its content.
      'cache-control': isDocument ? 'no-store' : 'private, max-age=31536000, immutable',
      vary: 'accept-encoding'
    },
    body: await readFile(file),
    gzip: packed.has(`${file}.gz`) ? await readFile(`${file}.gz`) : null
  }
  return [isDocument ? '/' : `/${name}`, asset]
}

/** The form of an asset for a reader who sent this `accept-encoding`. */
export function encodedFor(
  asset: Asset,
  acceptEncoding: string | undefined
): { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> } {
  const takesGzip = /(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))[\d.]+)?\s*(,|$)/i.test(acceptEncoding ?? '')
  if (asset.gzip === null || !takesGzip) return { body: asset.body, headers: asset.headers }
  return { body: asset.gzip, headers: { ...asset.headers, 'content-encoding': 'gzip' } }
}
