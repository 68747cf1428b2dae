import { type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { ask } from '../../../test/doubles/asking.ts'
import { originCa, tlsOrigin } from '../../../test/doubles/intercept-harness.ts'
import { cleanUp, serve, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const upstream = (options: UpstreamOptions = {}) =>
  upstreamOf({ allowPrivate: ['127.0.0.0/8', '::1'], ...options })

describe('redirects', () => {
  const hop = async (location: (path: string) => string): Promise<[string, IncomingMessage[]]> => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      if (req.url!.startsWith('/from')) res.writeHead(302, { location: location(req.url!) }).end('elsewhere')
      else res.end(req.url)
    })
    return [url, seen]
  }

  test('are followed, and the answer tells from where it came', async () => {
    const [url] = await hop(() => '/to?x=1#part')
    const [response, text] = await ask(upstream(), `${url}/from`)
    expect([response.url, text]).toEqual([`${url}/to?x=1`, '/to?x=1'])
  })

  test('are handed to the caller who wants them', async () => {
    const [url] = await hop(() => '/to')
    const [response, text] = await ask(upstream(), `${url}/from`, { followRedirects: false })
    expect([response.status, response.url, text]).toEqual([302, `${url}/from`, 'elsewhere'])
  })

  test('five at most', async () => {
    const [url] = await hop(path => (path.length < 9 ? `${path}x` : '/to'))
    expect((await ask(upstream(), `${url}/from`))[1]).toBe('/to')
    await expect(ask(upstream(), `${(await hop(path => `${path}x`))[0]}/from`)).rejects.toMatchObject({
      code: 'upstream-bad-answer'
    })
  })

  test('never to another scheme, never to private ground that is not listed', async () => {
    const [file] = await hop(() => 'file:///etc/passwd')
    await expect(ask(upstream(), `${file}/from`)).rejects.toMatchObject({ code: 'upstream-bad-answer' })
    const [inner] = await hop(() => 'http://169.254.169.254/latest/meta-data')
    await expect(ask(upstream(), `${inner}/from`)).rejects.toMatchObject({ code: 'upstream-refused-address' })
    const [other] = await hop(() => 'http://127.0.0.2:1/')
    const only = upstream({ allowPrivate: [new URL(other).host] })
    await expect(ask(only, `${other}/from`)).rejects.toMatchObject({ code: 'upstream-refused-address' })
  })

  test('never from https to plain http, where anybody on the way could change what comes', async () => {
    const [there, seen] = await hop(() => '')
    const port = await tlsOrigin((req, res) =>
      res.writeHead(302, { location: req.url === '/from' ? '/again' : `${there}/to` }).end('elsewhere')
    )
    const trusting = upstream({
      allowPrivate: ['127.0.0.0/8', '::1', 'localhost'],
      ca: [(await originCa()).certificatePem]
    })
    const [response, text] = await ask(trusting, `https://localhost:${port}/from`)
    expect([response.status, response.url, text]).toEqual([
      302,
      `https://localhost:${port}/again`,
      'elsewhere'
    ])
    expect(seen).toEqual([])
  })

  test('to another origin lose what identifies the client', async () => {
    const [there, seen] = await hop(() => '')
    const [here] = await hop(path => (path === '/from' ? '/from2' : `${there}/to`))
    await ask(upstream(), `${here}/from`, {
      headers: { Authorization: 'Basic x', cookie: 'a=b', 'x-other': '1' }
    })
    expect(seen[0]!.headers).toMatchObject({ 'x-other': '1' })
    expect(seen[0]!.headers.authorization).toBeUndefined()
    expect(seen[0]!.headers.cookie).toBeUndefined()
  })

  test('within an origin keep it', async () => {
    const [url, seen] = await hop(() => '/to')
    await ask(upstream(), `${url}/from`, { headers: { authorization: 'Basic x' } })
    expect(seen[1]!.headers.authorization).toBe('Basic x')
  })
})
