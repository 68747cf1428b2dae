import { describe, expect, test } from 'vitest'
import { StarlingError } from '../errors.ts'
import { MiB } from '../units.ts'
import type { ContentClass } from './content-class.ts'
import { recognise } from './recognise.ts'

const sha1 = 'd20e6c08d3604463db51f5b55160298f4ff361d5'
const update = (host: string, name: string): string =>
  `http://${host}/c/msdownload/update/software/updt/2020/01/${name}`

describe('Windows Update names', () => {
  test('are the same content on every host, known by the SHA-1 in the name', () => {
    const name = `windows10.0-kb4497165-v4-x64_${sha1}.cab`
    const there = recognise(update('au.download.windowsupdate.com', name))
    expect(there).toEqual({
      contentClass: 'windows-update',
      key: `sha1:${sha1}`,
      promised: { algorithm: 'sha1', hex: sha1 },
      rangeFirst: true,
      shareWithCookies: true,
      immutable: true,
      minBytes: MiB,
      neverShared: null
    })
    for (const host of [
      'b1.download.windowsupdate.com',
      'download.windowsupdate.com',
      'DL.delivery.mp.microsoft.com:80'
    ]) {
      expect(recognise(update(host, name)).key).toBe(there.key)
    }
    expect(recognise(update('download.windowsupdate.com', name.replace(sha1, sha1.toUpperCase()))).key).toBe(
      there.key
    )
  })

  test('a foreign host does not get to promise a digest', () => {
    const foreign = recognise(update('evil.example', `x_${sha1}.cab`))
    expect(foreign).toMatchObject({ contentClass: 'generic-download', promised: null })
    expect(foreign.key).toContain('evil.example/')
  })
})

describe('Delivery Optimization files', () => {
  const guid = '2f1a7435-ec48-4398-b0c7-f00797412777'
  const url = (host: string, query: string): string =>
    `http://${host}/filestreamingservice/files/${guid}${query}`

  test('are the same whatever their signature and host', () => {
    const key = `dl.delivery.mp.microsoft.com/filestreamingservice/files/${guid}`
    const signed =
      '?P1=1547140411&P2=402&P3=2&P4=Maf%2fCaUxhaHZWtO3sbXuB5II6yI9NLPFx8ci8e1HCbcot12TaswIhJxtnuCV%2flP9Mapus3voOJxojBSos1Cq9A%3d%3d'
    expect(recognise(url('tlu.dl.delivery.mp.microsoft.com', signed))).toMatchObject({
      contentClass: 'delivery-optimization',
      key,
      promised: null,
      rangeFirst: true,
      immutable: true,
      neverShared: null
    })
    expect(recognise(url('dl.delivery.mp.microsoft.com', '?P1=1&P2=404&P3=2&P4=x')).key).toBe(key)
    expect(recognise(url('msedge.b.tlu.dl.delivery.mp.microsoft.com', '')).key).toBe(key)
  })

  test('a name behind the GUID and other parameters count', () => {
    const plain = recognise(url('dl.delivery.mp.microsoft.com', '')).key
    expect(recognise(url('dl.delivery.mp.microsoft.com', '/pieceshash?P1=1')).key).toBe(`${plain}/pieceshash`)
    expect(recognise(url('dl.delivery.mp.microsoft.com', '?P1=1&part=2')).key).toBe(`${plain}?part=2`)
  })
})

test.each([
  'http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab?b3d6249cb8dde683',
  'http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/pinrulesstl.cab',
  'http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab?abc',
  'http://download.windowsupdate.com/v9/1/windowsupdate/redir/muv4wuredir.cab',
  'http://ds.download.windowsupdate.com/pr/wsus/x.cab',
  'https://example.com/app.appinstaller',
  'https://kv501.prod.do.dsp.mp.microsoft.com/all',
  'http://user:secret@example.com/a.iso',
  `http://example.com/${'a'.repeat(5000)}.iso`
])('%s is never shared', url => {
  expect(recognise(url).neverShared).not.toBeNull()
})

describe('everything else', () => {
  test.each(['/a/../b', '/a/.', '/%2E./b', '/a\\b', '/..'])(
    'is not shared at a path that can be read in two ways (%s)',
    path => {
      expect(recognise(`http://example.com${path}?c`).neverShared).toMatch(/dot segments/)
    }
  )

  test.each(['/a..b', '/...', '/..%2fb', '//a', '/a?b=/../c\\'])('is shared at %s', path => {
    expect(recognise(`http://example.com${path}`).neverShared).toBeNull()
  })

  test('has its normalised address as key', () => {
    expect(recognise('http://Example.COM:80/b%2fc?y=2&x=%e4#top')).toMatchObject({
      contentClass: 'generic',
      key: 'example.com/b%2Fc?y=2&x=%E4',
      rangeFirst: false,
      neverShared: null
    })
    expect(recognise('https://example.com:443/').key).toBe('https://example.com/')
    expect(recognise('http://example.com:8080/').key).toBe('example.com:8080/')
    expect(recognise('http://[::1]:8080/x').key).toBe('[::1]:8080/x')
  })

  test('a name that looks like a download may be asked for in ranges', () => {
    for (const path of ['a.iso', 'a.ISO?x=1', 'a.tar.gz', 'dir/x.intunewin.bin', 'image.wim']) {
      expect(recognise(`http://example.com/${path}`)).toMatchObject({
        contentClass: 'generic-download',
        rangeFirst: true
      })
    }
    for (const path of ['', 'index.html', 'iso', 'a.iso/', '?file=a.iso']) {
      expect(recognise(`http://example.com/${path}`).contentClass).toBe('generic')
    }
  })

  test.each(['ftp://x/y?secret=1', '/relative?secret=1', 'http://', 'http:///?secret', ''])(
    '%j is refused with a sentence, without its query',
    bad => {
      expect(() => recognise(bad)).toThrow(expect.objectContaining({ code: 'bad-url' }))
      expect(() => recognise(bad)).toThrow(/^(?!.*secret)/)
    }
  )
})

describe('classes of policy', () => {
  const own: ContentClass = {
    id: 'model-hub',
    hosts: ['*.models.example'],
    paths: ['/blobs/{sha256}'],
    key: 'digest',
    rangeFirst: true
  }

  test('come before our own', () => {
    const hex = 'ab'.repeat(32)
    expect(recognise(`https://cdn.models.example/blobs/${hex}`, [own])).toMatchObject({
      contentClass: 'model-hub',
      key: `sha256:${hex}`
    })
    expect(recognise(`https://models.example/blobs/${hex}`, [own]).contentClass).toBe('model-hub')
    expect(recognise('https://models.example/blobs/other.iso', [own]).contentClass).toBe('generic-download')
  })

  test('do not outrank what must never be kept', () => {
    const greedy: ContentClass = { ...own, hosts: ['*'], paths: ['**'] }
    expect(recognise('http://x.windowsupdate.com/authrootstl.cab', [greedy]).neverShared).not.toBeNull()
  })

  test.each(['blobs/x', '/{md5}', '/{sha1}/{sha1}'])('the path %s is refused', path => {
    expect(() => recognise('http://a.models.example/', [{ ...own, paths: [path] }])).toThrow(StarlingError)
  })

  test('a hostile path is judged at once', { timeout: 1000 }, () => {
    const rule: ContentClass = { ...own, hosts: ['*'], paths: ['/**a**a*a**a**b*c'] }
    expect(recognise(`http://x/${'a'.repeat(8000)}`, [rule]).contentClass).toBe('generic')
  })
})
