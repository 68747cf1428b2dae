import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import { createTarballAddresses } from './tarball-addresses.ts'

const addresses = createTarballAddresses('https://registry.example/npm/', 'http://127.0.0.1:17831/m/npm/')
const json: HeaderList = [['content-type', 'application/vnd.npm.install-v1+json']]

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function exchanged(text: string | Buffer, size: number, headers = json): Promise<string> {
  const body = inPieces(Buffer.from(text), size)
  const parts: Uint8Array[] = []
  for await (const part of addresses.exchange({ status: 200, headers, body }, true).body) parts.push(part)
  return Buffer.concat(parts).toString()
}

const document = `{"description":"größer 🐦 \\"tarball\\":\\"https://registry.example/npm/no\\"","homepage":"https://registry.example/npm/x",
"versions":{"1.0.0":{"dist":{"integrity":"sha512-aa==","tarball":"https://registry.example/npm/a/-/a-1.0.0.tgz"}},
"1.0.1":{"dist":{"tarball" : "http://registry.example/npm/a/-/a-1.0.1.tgz"}},
"1.0.2":{"dist":{"tarball":"https://elsewhere.example/npm/a/-/a-1.0.2.tgz"}}}}`
const expected = document
  .replace('"tarball":"https://registry.example/npm/a', '"tarball":"http://127.0.0.1:17831/m/npm/a')
  .replace('"tarball" : "http://registry.example/npm/a', '"tarball" : "http://127.0.0.1:17831/m/npm/a')

test('only addresses of tarballs in the registry change, wherever the pieces end', async () => {
  for (let size = 1; size < 120; size++) expect(await exchanged(document, size)).toBe(expected)
  expect(await exchanged(document, document.length * 2)).toBe(expected)
})

test('what comes compressed is unpacked', async () => {
  const headers: HeaderList = [...json, ['content-encoding', 'gzip']]
  expect(await exchanged(gzipSync(document), 7, headers)).toBe(expected)
})

test('what is cut off in the middle of its compression fails', async () => {
  const headers: HeaderList = [...json, ['content-encoding', 'gzip']]
  await expect(exchanged(gzipSync(document).subarray(0, -9), 50, headers)).rejects.toThrow()
  expect(() =>
    addresses.exchange(
      { status: 200, headers: [...json, ['content-encoding', 'br']], body: inPieces(Buffer.alloc(0), 1) },
      true
    )
  ).toThrow(/br/)
})

test('what is true of the old bytes is not told of the new ones', () => {
  const headers: HeaderList = [
    ...json,
    ['etag', '"v1"'],
    ['content-length', '9'],
    ['content-encoding', 'gzip'],
    ['repr-digest', 'sha-256=:x:'],
    ['cache-control', 'max-age=300']
  ]
  const body = inPieces(Buffer.alloc(0), 1)
  expect(addresses.exchange({ status: 200, headers, body }, false).headers).toEqual([
    ...json,
    ['etag', 'W/"v1"'],
    ['cache-control', 'max-age=300']
  ])
  expect(addresses.exchange({ status: 304, headers: [['etag', '"v1"']], body }, true).headers).toEqual([
    ['etag', 'W/"v1"']
  ])
  expect(addresses.exchange({ status: 404, headers, body }, true)).toEqual({ status: 404, headers, body })
})
