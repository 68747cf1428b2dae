import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { contentKeyOfPieces, parsePieceHashes } from './piece-hashes.ts'

const guid = 'df83d2db-848e-4950-b130-c186a1f1f76d'
const sha1 = '49c591d405d307e25e72a19f7e79b53d69f19954'
const hex64 = '43A54FC03C6A979E9AAEAE2493757D1429A5C8A8D093FB7B8103E8CC8DF7B6B6'

test.each<[string, string | null]>([
  [
    `http://tlu.dl.delivery.mp.microsoft.com/filestreamingservice/files/${guid}/pieceshash?P1=1`,
    `dl.delivery.mp.microsoft.com/filestreamingservice/files/${guid}`
  ],
  [`http://download.windowsupdate.com/phf/dotc/${sha1}/${hex64}`, `sha1:${sha1}`],
  ['http://files.example/a/b.bin.phf', 'files.example/a/b.bin'],
  [`http://download.windowsupdate.com/phf/dotc/${sha1}/${hex64.slice(1)}`, null],
  [`http://evil.example/phf/dotc/${sha1}/${hex64}`, null],
  ['http://files.example/pieceshash', null],
  ['http://files.example/a/b.bin', null]
])('%s is about %s', (url, key) => {
  expect(contentKeyOfPieces(url, [])).toBe(key)
})

const digest = createHash('sha256').update('a').digest()
const file = {
  MajorVersion: 1,
  MinorVersion: 0,
  HashOfHashes: digest.toString('base64'),
  ContentLength: 1_048_577,
  PieceSize: 1_048_576,
  Pieces: [digest.toString('base64'), digest.toString('base64')]
}

test('a pieces hash file says the length and a digest for each chunk', () => {
  const parsed = parsePieceHashes(Buffer.from(JSON.stringify(file)))
  expect(parsed).toEqual({ length: 1_048_577, digests: [new Uint8Array(digest), new Uint8Array(digest)] })
})

test.each<[string, object | string]>([
  ['no JSON', '<html>'],
  ['pieces of another size', { ...file, PieceSize: 65_536 }],
  ['a piece too few', { ...file, Pieces: file.Pieces.slice(1) }],
  ['a digest too short', { ...file, Pieces: [file.Pieces[0], 'AAAA'] }],
  ['a length that is none', { ...file, ContentLength: -1 }]
])('%s is left aside', (_what, value) => {
  expect(parsePieceHashes(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))).toBeNull()
})
