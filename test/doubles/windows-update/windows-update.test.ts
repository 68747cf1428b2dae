import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { MiB, hourMs } from '@starling/shared/units.ts'
import { seededContent, sha1Of, sha256Of } from '../content.ts'
import { hashOfHashes, type PieceHashes } from './piece-hashes.ts'
import { captivePortal } from './rules.ts'
import { soapAction, soapRequest, soapTemplates, valuesOf } from './soap.ts'
import { healthCheck, startWindowsUpdate, wsusHost, type WindowsUpdate } from './windows-update.ts'

let double: WindowsUpdate
let now = Date.parse('2026-02-03T04:05:06Z')
const content = seededContent('windows update', 2 * MiB + 333)

beforeEach(async () => {
  double = await startWindowsUpdate({ now: () => now, signatureLifetimeMs: hourMs })
})
afterEach(() => double.close())

interface Got {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** As to a proxy. */
async function ask(url: string, headers: Record<string, string> = {}, body?: string): Promise<Got> {
  const { hostname: host, port } = new URL(double.url)
  const method = body === undefined ? 'GET' : 'POST'
  const host_ = new URL(url).host
  const asked = request({ host, port, path: url, method, headers: { host: host_, ...headers }, agent: false })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode!, headers: response.headers, body: await text(response) }
}

const aByte = { range: 'bytes=0-0' }

describe('what is under which name', () => {
  test('Delivery Optimization: a signed address that is another each time, good until it expires, and no other', async () => {
    const file = await double.delivery(content)
    const { url } = file.offer()
    expect(url).toMatch(
      /^http:\/\/tlu\.dl\.delivery\.mp\.microsoft\.com\/filestreamingservice\/files\/[0-9a-f-]{36}\?P1=\d+&P2=404&P3=2&P4=[\w%]+$/
    )
    expect((await ask(url, aByte)).status).toBe(206)
    now += hourMs / 2
    const later = file.offer().url
    expect(later).not.toBe(url)
    expect((await ask(url, aByte)).status).toBe(206)
    now += hourMs / 2
    expect((await ask(url, aByte)).body).toBe('the signature has expired\n')
    expect((await ask(later, aByte)).status).toBe(206)
    expect((await ask(later.replace('P2=404', 'P2=402'), aByte)).body).toBe('the signature is wrong\n')
    expect((await ask(later.replace(/\?.*/, ''), aByte)).status).toBe(403)
  })

  test('the old path form: the SHA-1 in the name is that of the bytes', async () => {
    const { url } = (await double.download('windows10.0-kb1', 'cab', content)).offer()
    expect(url).toMatch(
      new RegExp(`^http://au\\.download\\.windowsupdate\\.com/.*_${await sha1Of(content)}\\.cab$`)
    )
    expect((await ask(url, aByte)).headers['content-range']).toBe(`bytes 0-0/${content.length}`)
  })

  test('WSUS: the SHA-1 is the name, its tail the folder', async () => {
    const { url } = (await double.wsus('kb2', 'exe', content)).offer()
    const sha1 = (await sha1Of(content)).toUpperCase()
    expect(url).toBe(`http://${wsusHost}/Content/${sha1.slice(-2)}/${sha1}.exe`)
    expect((await ask(url, aByte)).status).toBe(206)
  })

  test('each file has its own hosts, and the origin does not know what is for cache hosts', async () => {
    const { url } = (await double.download('kb3', 'cab', content)).offer()
    expect((await ask(url.replace('au.download.windowsupdate.com', wsusHost), aByte)).status).toBe(404)
    expect((await ask(url.replace('au.', 'b1.'), aByte)).status).toBe(206)
    expect((await ask(`${url}?cacheHostOrigin=au.download.windowsupdate.com`)).status).toBe(400)
    expect(double.asked.map(({ host }) => host)).toEqual([
      wsusHost,
      'b1.download.windowsupdate.com',
      'au.download.windowsupdate.com'
    ])
  })

  test('pieces hash files hold the SHA-256 of each MiB', async () => {
    for (const file of [await double.delivery(content), await double.download('kb4', 'cab', content)]) {
      const { pieces } = file.offer()
      const hashes = JSON.parse((await ask(pieces!.url)).body) as PieceHashes
      expect(hashes.Pieces).toHaveLength(3)
      expect(hashes).toMatchObject({ ContentLength: content.length, PieceSize: MiB })
      expect(Buffer.from(hashes.Pieces[2]!, 'base64').toString('hex')).toBe(
        await sha256Of(content, 2 * MiB, content.length)
      )
      expect(hashOfHashes(hashes.Pieces)).toBe(pieces!.hashOfHashes)
    }
  })

  test("Microsoft's own test of a cache host finds its picture", async () => {
    const { status, headers } = await ask(`http://${healthCheck.host}${healthCheck.path}`, aByte)
    expect([status, headers['content-range']]).toEqual([206, `bytes 0-0/${healthCheck.length}`])
  })
})

describe('SOAP', () => {
  const call = (name: string, values: Parameters<typeof soapRequest>[1]): Promise<Got> =>
    ask(
      `http://${wsusHost}${soapTemplates[name]!.path}`,
      { soapaction: soapAction(name) },
      soapRequest(name, values)
    )

  test('answers hold what the request said and what the server has', async () => {
    await double.wsus('kb5 <a & "b">', 'cab', seededContent('another', 10))
    const { url } = (await double.wsus('kb6', 'cab', content)).offer()
    const scan = await call('SyncUpdates', { EncryptedData: 'a&b' })
    expect(scan.headers['content-type']).toBe('text/xml; charset=utf-8')
    expect(valuesOf(scan.body, 'EncryptedData'), 'the cookie of the request').toEqual(['a&b'])
    expect(valuesOf(scan.body, 'Expiration'), 'an hour from now').toEqual([
      new Date(now + hourMs).toISOString()
    ])
    expect(valuesOf(scan.body, 'Xml')[0]).toBe('<Title>kb5 &lt;a &amp; &quot;b&quot;&gt;.cab</Title>')
    const details = await call('GetExtendedUpdateInfo', { int: ['1001'] })
    expect(valuesOf(details.body, 'Url'), 'only what was asked for').toEqual([url])
  })

  test('what it does not know is a fault', async () => {
    const wrong = await ask(
      `http://${wsusHost}/ClientWebService/Client.asmx`,
      { soapaction: '"x/Other"' },
      '<a/>'
    )
    expect([wrong.status, valuesOf(wrong.body, 'faultcode')]).toEqual([500, ['soap:Client']])
  })
})

describe('rules', () => {
  test('match by host, path, header and query together, the first that matches, so many times', async () => {
    const { url } = (await double.download('kb7', 'cab', content)).offer()
    double.rules.add({
      host: /^au\./,
      path: /\.cab$/,
      headers: { 'user-agent': /^Microsoft/ },
      query: { x: /^1$/ },
      times: 1,
      faults: { status: 503 }
    })
    double.rules.add({ query: { x: /./ }, answer: captivePortal })
    const bits = { ...aByte, 'user-agent': 'Microsoft BITS/7.8' }
    const answers = []
    for (const [query, headers] of [
      ['?x=1', aByte],
      ['?x=1', bits],
      ['?x=1', bits],
      ['', bits]
    ] as const)
      answers.push((await ask(url + query, headers)).status)
    expect(answers).toEqual([200, 503, 200, 206])
    double.rules.clear()
    expect((await ask(`${url}?x=1`, bits)).status).toBe(206)
  })

  test('a captive portal gives its page for whatever is asked', async () => {
    double.rules.add({ answer: captivePortal })
    const { status, body, headers } = await ask((await double.delivery(content)).offer().url, aByte)
    expect([status, body, headers['content-type']]).toEqual([
      200,
      captivePortal.body,
      'text/html; charset=utf-8'
    ])
  })
})
