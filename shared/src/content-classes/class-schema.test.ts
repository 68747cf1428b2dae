import { expect, test } from 'vitest'
import { KiB } from '../units.ts'
import { contentClassesSchema } from './class-schema.ts'
import { recognise } from './recognise.ts'

const own = { id: 'model-hub', hosts: ['*.models.example'], paths: ['/blobs/{sha256}'] }

function problems(value: unknown): string[] {
  const { error } = contentClassesSchema.safeParse(value)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('what is not said is careful: the key is the address, and nothing is promised', () => {
  expect(contentClassesSchema.parse([own])).toEqual([{ ...own, key: 'address', rangeFirst: false }])
})

test('all that a class can say is taken, and judged by', () => {
  const classes = contentClassesSchema.parse([
    {
      ...own,
      extensions: ['bin'],
      paths: ['/blobs/**'],
      keyHost: 'cdn.models.example',
      volatileQuery: ['token'],
      immutable: true,
      rangeFirst: true,
      shareWithCookies: true,
      minBytes: '64KiB',
      cacheHost: true
    },
    { id: 'secret', hosts: ['*'], paths: ['/secret/**'], neverShared: 'it is secret' }
  ])
  expect(recognise('https://eu.models.example/blobs/x.bin?token=1&part=2', classes)).toMatchObject({
    contentClass: 'model-hub',
    key: 'https://cdn.models.example/blobs/x.bin?part=2',
    minBytes: 64 * KiB,
    shareWithCookies: true
  })
  expect(recognise('https://eu.models.example/secret/x.bin', classes).neverShared).toBe('it is secret')
})

test.each<[string, unknown, RegExp]>([
  ['no list', own, /^: /],
  ['a name that Starling uses', [{ ...own, id: 'windows-update' }], /^0\.id: .*choose another/],
  ['the generic name', [{ ...own, id: 'generic' }], /^0\.id: /],
  ['a name that is never shared', [{ ...own, id: 'certificate-lists' }], /^0\.id: /],
  ['a name with a capital', [{ ...own, id: 'Hub' }], /^0\.id: give 1 to 64 small letters/],
  ['the same name twice', [own, { ...own, hosts: ['a.example'] }], /^1\.id: is there twice/],
  ['no host', [{ ...own, hosts: [] }], /^0\.hosts: /],
  [
    'a host with a port',
    [{ ...own, hosts: ['a.example', 'b.example:80'] }],
    /^0\.hosts\.1: give a host without port/
  ],
  ['a host with a path', [{ ...own, hosts: ['a.example/x'] }], /^0\.hosts\.0: /],
  ['a star in the middle', [{ ...own, hosts: ['a.*.example'] }], /^0\.hosts\.0: /],
  [
    'a path without slash',
    [own, { ...own, id: 'b', paths: ['/', 'x'] }],
    /^1\.paths\.1: .*must begin with \//
  ],
  ['an unknown token', [{ ...own, paths: ['/{md5}'] }], /^0\.paths\.0: .*\{md5\}/],
  ['a token twice', [{ ...own, paths: ['/{sha1}/{sha1}'] }], /^0\.paths\.0: .*twice/],
  ['an extension with its dot', [{ ...own, extensions: ['.iso'] }], /^0\.extensions\.0: .*without its dot/],
  ['a field that is none', [{ ...own, path: '/x' }], /^0: .*path/],
  ['a size that is none', [{ ...own, minBytes: 'much' }], /^0\.minBytes: give a size/],
  [
    'a digest key without a digest',
    [{ ...own, key: 'digest', paths: ['/{sha1}', '/x'] }],
    /^0\.key: .*\{sha1\}/
  ],
  ['a digest key for every host', [{ ...own, key: 'digest', hosts: ['*'] }], /^0\.key: .*any host/],
  ["somebody else's host in the key", [{ ...own, keyHost: 'dl.delivery.mp.microsoft.com' }], /^0\.keyHost: /],
  ['a key host for every host', [{ ...own, hosts: ['*'], keyHost: 'a.example' }], /^0\.keyHost: /],
  ['a key host with a star', [{ ...own, keyHost: '*.models.example' }], /^0\.keyHost: .*without a star/],
  ['an open proxy', [{ ...own, hosts: ['*'], cacheHost: true }], /^0\.cacheHost: .*open proxy/]
])('%s is refused, and it is said where', (_, value, expected) => {
  expect(problems(value)).toEqual([expect.stringMatching(expected)])
})
