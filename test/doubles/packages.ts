/** Go modules and npm packages on an origin, as a module proxy and a registry serve them: made in the test, small, and complete. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { bytesContent } from './content.ts'
import type { Origin } from './origin.ts'
import { storeZip } from './store-zip.ts'

export interface GoModule {
  readonly path: string
  readonly version: string
  /** Beside go.mod. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly requires?: ReadonlyArray<readonly [path: string, version: string]>
}

/**
 * Below `base` (`/go`): what GOPROXY asks of each module, with the list of its versions.
 * @returns the path of each zip on the origin
 */
export function putGoModules(origin: Origin, base: string, modules: readonly GoModule[]): string[] {
  const files = [...goProxyFiles(modules)]
  for (const [path, bytes] of files) {
    // The go command asks for %21 where the protocol says !; to a module proxy they are the same.
    for (const spelled of new Set([path, path.replaceAll('!', '%21')]))
      origin.put(`${base}/${spelled}`, bytesContent(bytes))
    // As public module proxies do: fresh for a minute, and nothing to validate it by.
    if (path.endsWith('/list'))
      origin.setFaults(`${base}/${path}`, {
        headers: { 'cache-control': 'public, max-age=60', etag: null, 'last-modified': null }
      })
  }
  return files.flatMap(([path]) => (path.endsWith('.zip') ? [`${base}/${path}`] : []))
}

/** The files of a module proxy with these modules, by their paths. */
export function* goProxyFiles(
  modules: readonly GoModule[]
): Generator<readonly [path: string, bytes: Uint8Array]> {
  for (const { path, version, files = {}, requires = [] } of modules) {
    const place = `${path.replace(/[A-Z]/g, letter => `!${letter.toLowerCase()}`)}/@v`
    const require = requires.map(([needed, at]) => `require ${needed} ${at}\n`).join('')
    const goMod = `module ${path}\n\ngo 1.17\n\n${require}`
    const named = Object.entries({ 'go.mod': goMod, ...files }).map(
      ([name, content]) => [`${path}@${version}/${name}`, content] as const
    )
    const versions = modules.filter(other => other.path === path).map(other => other.version)
    const info = JSON.stringify({ Version: version, Time: '2026-01-02T03:04:05Z' })
    yield [`${place}/${version}.info`, Buffer.from(info)]
    yield [`${place}/${version}.mod`, Buffer.from(goMod)]
    yield [`${place}/${version}.zip`, storeZip(Object.fromEntries(named))]
    yield [`${place}/list`, Buffer.from(`${versions.join('\n')}\n`)]
  }
}

/**
 * One package with one version, its document compressed as registries send it.
 * @param base below it lies the registry: `/npm`
 * @returns the path of its tarball
 */
export function putNpmPackage(
  origin: Origin,
  base: string,
  name: string,
  version: string,
  files: Readonly<Record<string, string | Uint8Array>>
): string {
  const manifest = { name, version }
  const packed = tarball({ 'package/package.json': JSON.stringify(manifest), ...files })
  const path = `${base}/${name}/-/${name.replace(/^@[^/]*\//, '')}-${version}.tgz`
  const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`
  const dist = { integrity, tarball: origin.url + path }
  const document = { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }
  origin.put(path, bytesContent(packed))
  const place = `${base}/${name.replace('/', '%2f')}`
  origin.put(place, bytesContent(gzipSync(JSON.stringify(document))))
  origin.setFaults(place, {
    headers: {
      'content-type': 'application/vnd.npm.install-v1+json',
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=300',
      vary: 'accept-encoding, accept'
    }
  })
  return path
}

function tarball(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const blockBytes = 512
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const data = Buffer.from(content)
    const header = Buffer.alloc(blockBytes)
    const field = (text: string, at: number): void => void header.write(text, at, 'latin1')
    const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
    field(name, 0)
    field(octal(0o644, 7), 100)
    field(octal(0, 7), 108)
    field(octal(0, 7), 116)
    field(octal(data.length, 11), 124)
    field(octal(0, 11), 136)
    field(' '.repeat(8), 148)
    field('0', 156)
    field('ustar\x0000', 257)
    field(
      `${octal(
        header.reduce((sum, byte) => sum + byte, 0),
        6
      )} `,
      148
    )
    return [header, data, Buffer.alloc((blockBytes - (data.length % blockBytes)) % blockBytes)]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]))
}
