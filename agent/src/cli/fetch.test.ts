import { createHash } from 'node:crypto'
import { readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { seededContent, sha256Of } from '../../../test/doubles/content.ts'
import { makeTransfer, noBytes, type LocalPage } from '../../../test/doubles/local-page.ts'
import { startOrigin, type Origin } from '../../../test/doubles/origin.ts'
import { download, type DownloadJob } from './download.ts'
import { fileNameOf } from './fetch.ts'

/** The origin stands in for the agent's proxy: it takes the whole URL in the request line, as a proxy does. */
let proxy: Origin
let line: CommandLine
let page: LocalPage
let file: string
const url = 'http://origin.example/files/tool.msu?sig=1'
const path = '/files/tool.msu'
const content = seededContent('tool', 6 * MiB + 17)
const other = seededContent('another tool', 6 * MiB + 17)
beforeEach(async () => {
  proxy = await startOrigin()
  proxy.put(path, content)
  line = await createCommandLine(100)
  page = await line.startAgent(proxy.url)
  file = join(line.folder, 'tool.msu')
})
afterEach(async () => {
  await proxy.close()
  await line.close()
})

const job = (given: Partial<DownloadJob> = {}): DownloadJob => ({
  url,
  proxy: proxy.url,
  file,
  resume: true,
  background: false,
  sha256: null,
  signal: AbortSignal.timeout(8000),
  onProgress() {},
  retry: { attemptsMax: 0, delayMs: 0, silenceMs: 5000 },
  ...given
})
const files = async () => (await readdir(line.folder)).filter(name => name.startsWith('tool')).sort()
const isContent = async () => {
  expect(
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  ).toBe(await sha256Of(content))
}

describe('a download', () => {
  it('arrives whole, under its name at the end only', async () => {
    const seen: string[][] = []
    const done = await download(
      job({
        onProgress: () => {
          void files().then(names => seen.push(names))
        }
      })
    )
    expect(done).toEqual({ bytes: content.length, sha256: await sha256Of(content), resumedFrom: 0 })
    expect(await files()).toEqual(['tool.msu'])
    expect(seen.slice(0, 3).every(names => !names.includes('tool.msu'))).toBe(true)
  })

  it('that broke off is gone on with by the next one, from the byte where it broke off', async () => {
    proxy.setFaults(path, { shortBy: 2 * MiB, times: 1 })
    await expect(download(job())).rejects.toMatchObject({
      code: 'download-broken',
      message: expect.stringMatching(/\d+ bytes are kept/)
    })
    expect(await files()).toEqual(['tool.msu.part', 'tool.msu.part.json'])
    const kept = (await readFile(`${file}.part`)).length
    expect(kept).toBeGreaterThan(0)
    const done = await download(job())
    expect(done).toEqual({ bytes: content.length, sha256: await sha256Of(content), resumedFrom: kept })
    expect(proxy.stats(path).served.map(({ status, start }) => [status, start])).toEqual([
      [200, 0],
      [206, kept]
    ])
    expect(await files()).toEqual(['tool.msu'])
  })

  it('that breaks off goes on by itself, as long as there is progress', async () => {
    proxy.setFaults(path, { shortBy: 4 * MiB, times: 1 })
    const done = await download(job({ retry: { attemptsMax: 2, delayMs: 0, silenceMs: 5000 } }))
    expect(done).toMatchObject({ bytes: content.length, sha256: await sha256Of(content), resumedFrom: 0 })
    expect(proxy.stats(path).requests).toBe(2)
  })

  it('that is too short is not taken for whole', async () => {
    proxy.setFaults(path, { shortBy: 100 })
    await expect(download(job())).rejects.toMatchObject({ code: 'download-broken' })
    expect(await files()).not.toContain('tool.msu')
  })

  it('never joins two versions', async () => {
    proxy.setFaults(path, { shortBy: 2 * MiB, times: 1 })
    await expect(download(job())).rejects.toThrow()
    proxy.put(path, other)
    const done = await download(job())
    expect(done.sha256).toBe(await sha256Of(other))
    expect(proxy.stats(path).served.at(-1)).toMatchObject({ status: 200, start: 0 })
  })

  it('starts again when asked to, when the URL differs, and when nothing names the version', async () => {
    const breakOff = async () => {
      proxy.setFaults(path, { shortBy: 2 * MiB, times: 1 })
      await expect(download(job())).rejects.toThrow()
    }
    await breakOff()
    await download(job({ resume: false }))
    await breakOff()
    await download(job({ url: `${url}2` }))
    proxy.setFaults(path, { shortBy: 2 * MiB, times: 1, headers: { etag: null, 'last-modified': null } })
    await expect(download(job())).rejects.toMatchObject({ message: expect.stringContaining('to try again') })
    await download(job())
    expect(proxy.stats(path).served.every(({ start }) => start === 0)).toBe(true)
  })

  it('is put together from answers that give less of the range than was asked, as a server may', async () => {
    const bytes = Buffer.from(await content.read(0, content.length))
    const stingy = createServer((request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
      const piece = bytes.subarray(from, from + 2 * MiB)
      const headers = {
        etag: '"v1"',
        'content-range': `bytes ${from}-${from + piece.length - 1}/${bytes.length}`
      }
      response.writeHead(206, { ...headers, 'content-length': piece.length }).end(piece)
    })
    await new Promise<void>(resolve => {
      stingy.listen(0, '127.0.0.1', resolve)
    })
    await writeFile(`${file}.part`, bytes.subarray(0, 1000))
    await writeFile(`${file}.part.json`, JSON.stringify({ url, validator: '"v1"', total: bytes.length }))
    const { port } = stingy.address() as AddressInfo
    const retry = { attemptsMax: 1, delayMs: 0, silenceMs: 5000 }
    expect(await download(job({ proxy: `http://127.0.0.1:${port}`, retry }))).toMatchObject({
      sha256: await sha256Of(content)
    })
    stingy.closeAllConnections()
    await new Promise(resolve => {
      stingy.close(resolve)
    })
  })

  it('goes on after an answer that ignores the range', async () => {
    proxy.setFaults(path, { shortBy: 2 * MiB, times: 1 })
    await expect(download(job())).rejects.toThrow()
    proxy.setFaults(path, { ignoreRange: true })
    expect((await download(job())).sha256).toBe(await sha256Of(content))
  })

  it('whose part is whole already asks for nothing more', async () => {
    await download(job())
    await rename(file, `${file}.part`)
    await writeFile(
      `${file}.part.json`,
      JSON.stringify({ url, validator: content.etag, total: content.length })
    )
    expect(await download(job())).toMatchObject({
      resumedFrom: content.length,
      sha256: await sha256Of(content)
    })
    expect(proxy.stats(path).requests).toBe(1)
  })

  it('of a part that is longer than the file has become starts again', async () => {
    await writeFile(`${file}.part`, 'x'.repeat(1000))
    await writeFile(`${file}.part.json`, JSON.stringify({ url, validator: '"old"', total: 2000 }))
    proxy.put(path, seededContent('short', 10))
    expect(await download(job({ retry: { attemptsMax: 2, delayMs: 0, silenceMs: 5000 } }))).toMatchObject({
      bytes: 10
    })
  })

  it('that hashes to something else is thrown away', async () => {
    await expect(download(job({ sha256: '0'.repeat(64) }))).rejects.toMatchObject({ code: 'digest-differs' })
    expect(await files()).toEqual([])
  })

  it('that is interrupted keeps what came, and says how to go on', async () => {
    proxy.setFaults(path, { stallAt: 3 * MiB })
    const stop = new AbortController()
    const loading = download(
      job({
        signal: stop.signal,
        onProgress: bytes => {
          if (bytes > MiB) stop.abort()
        }
      })
    )
    await expect(loading).rejects.toMatchObject({
      code: 'interrupted',
      message: expect.stringContaining('the same command')
    })
    proxy.setFaults(path, {})
    const done = await download(job())
    expect(done.resumedFrom).toBeGreaterThan(MiB)
    expect(done.sha256).toBe(await sha256Of(content))
  })

  it('replaces an older file only when the new one is whole', async () => {
    await writeFile(file, 'old')
    proxy.setFaults(path, { shortBy: 100, times: 1 })
    await expect(download(job())).rejects.toThrow()
    expect(await readFile(file, 'utf8')).toBe('old')
    await download(job())
    await isContent()
  })
})

describe('starling fetch', () => {
  it('prints digest and sources, and shows progress meanwhile', async () => {
    const key = 'origin.example/files/tool.msu?sig=1'
    const before = makeTransfer({ transfer: 'ab'.repeat(32), key, bytes: { ...noBytes, fromPeers: 5 * MiB } })
    page.status = { ...page.status, transfers: [before] }
    const running = line.run('fetch', url, '-o', file, '--sha256', (await sha256Of(content)).toUpperCase())
    await proxy.when(path, ({ requests }) => requests > 0)
    page.status = {
      ...page.status,
      transfers: [{ ...before, bytes: { ...noBytes, fromPeers: 9 * MiB, fromUpstream: 2 * MiB } }]
    }
    expect(await running, line.notes.join()).toBe(0)
    expect(line.out[0]).toMatch(/tool\.msu: 6\.00 MiB in /)
    expect(line.out[1]).toBe(`sha256 ${await sha256Of(content)}`)
    expect(line.out[2]).toBe('from LAN peers 4.00 MiB, origin 2.00 MiB')
    expect(line.progress[0]).toMatch(/tool\.msu {2}\[/)
  })

  it("finds its sources under the key that the agent's own classes make", async () => {
    const signed = { id: 'signed', hosts: ['origin.example'], paths: ['/files/**'], volatileQuery: ['sig'] }
    page.status = {
      ...page.status,
      contentClasses: [{ ...signed, key: 'address', rangeFirst: true }],
      transfers: [makeTransfer({ transfer: 'ab'.repeat(32), key: 'origin.example/files/tool.msu' })]
    }
    expect(await line.run('fetch', url, '-o', file, '--json')).toBe(0)
    expect(JSON.parse(line.out[0]!).sources).toMatchObject({ fromPeers: 0 })
  })

  it('answers in JSON', async () => {
    expect(await line.run('fetch', url, '-o', file, '--json')).toBe(0)
    expect(line.out.length).toBe(1)
    expect(JSON.parse(line.out[0]!)).toMatchObject({
      url,
      file,
      bytes: content.length,
      sha256: await sha256Of(content),
      resumedFrom: 0,
      sources: null
    })
  })

  it('says what is wrong: no file there, wrong digest, no address, no agent', async () => {
    expect(await line.run('fetch', 'http://origin.example/none', '-o', file)).toBe(1)
    expect(line.notes.join()).toMatch(/answered 404/)
    expect(await line.run('fetch', url, '-o', file, '--sha256', '0'.repeat(64))).toBe(1)
    expect(line.notes.join()).toMatch(/hashes to .* not to 0000/)
    expect(await line.run('fetch', 'ftp://origin.example/x')).toBe(2)
    expect(await line.run('fetch', url, '--sha256', 'abc')).toBe(2)
    expect(await line.run('fetch', url, '-o', line.folder)).toBe(1)
    expect(line.notes.join()).toMatch(/is a folder/)
    expect(await line.run('fetch', url, '--data', join(line.folder, 'nobody'), '-o', file)).toBe(1)
    expect(line.notes.join()).toMatch(/no agent runs on .*starling run/s)
    expect(await files()).toEqual([])
  })

  it('follows redirects that are left to the client, but not out of the web and not in circles', async () => {
    const ways: Record<string, string> = {
      '/here': '/there',
      '/there': url,
      '/out': 'file:///etc/passwd',
      '/round': '/round'
    }
    const redirecting = createServer((request, response) => {
      const way = ways[new URL(request.url!).pathname]
      if (way !== undefined) response.writeHead(302, { location: way }).end()
      else response.end('the file')
    })
    await new Promise<void>(resolve => {
      redirecting.listen(0, '127.0.0.1', resolve)
    })
    const { port } = redirecting.address() as AddressInfo
    await line.startAgent(`http://127.0.0.1:${port}`)
    try {
      expect(await line.run('fetch', 'http://origin.example/here', '-o', file), line.notes.join()).toBe(0)
      expect(await readFile(file, 'utf8')).toBe('the file')
      expect(await line.run('fetch', 'http://origin.example/out', '-o', file)).toBe(1)
      expect(line.notes.join()).toMatch(/no web address/)
      expect(await line.run('fetch', 'http://origin.example/round', '-o', file)).toBe(1)
      expect(line.notes.join()).toMatch(/circles/)
    } finally {
      redirecting.closeAllConnections()
      await new Promise(resolve => {
        redirecting.close(resolve)
      })
    }
  })

  it('is stopped by Ctrl-C', async () => {
    proxy.setFaults(path, { stallAt: 3 * MiB })
    const running = line.run('fetch', url, '-o', file)
    await proxy.when(path, ({ bodyBytes }) => bodyBytes >= 2 * MiB)
    line.interrupt()
    expect(await running).toBe(1)
    expect(line.notes.join()).toMatch(/interrupted/)
  })
})

describe('the name of a file', () => {
  it.each([
    ['/a/b/tool.msu', 'tool.msu'],
    ['/', 'download'],
    ['/a/..%2f..%2fetc%2fpasswd', '_.._etc_passwd'],
    ['/a/%2e%2e', 'download'],
    ['/a/CON', '_CON'],
    ['/a/nul.txt', '_nul.txt'],
    ['/a/x:stream', 'x_stream'],
    ['/a/..%5cevil', '_evil'],
    ['/a/%1b%5b31m.exe', '_[31m.exe'],
    ['/a/name.%20.', 'name'],
    ['/a/%ff', '%ff'],
    ['/a/%E2%80%AEgnp.exe', '_gnp.exe']
  ])('of %s is %s', (path, name) => {
    expect(fileNameOf(new URL(`http://origin.example${path}`))).toBe(name)
  })

  it('is not longer than file systems take', () => {
    expect(fileNameOf(new URL(`http://origin.example/${'x'.repeat(5000)}`)).length).toBeLessThanOrEqual(200)
  })
})
