import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, content, origin, proxyOf, say, serve, swarm } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

/** With a secret it is passed through; without, it comes out of the swarm. */
const asking = (url: string, lines = ''): string => `GET ${url} HTTP/1.0\r\n${lines}\r\n`
const secret = 'authorization: x\r\n'

describe('a client that speaks HTTP/1.0, without Host', () => {
  test('gets a body of unknown length as it is, and the connection\u2019s end behind it', async () => {
    const url = await serve((_req, res) => {
      res.write('one ')
      res.end('two')
    })
    const text = await say(await proxyOf(swarm()), asking(`${url}/`, `${secret}connection: keep-alive\r\n`))
    expect(text).toMatch(/\r\nconnection: close\r\n/i)
    expect(text).not.toMatch(/transfer-encoding/i)
    expect(text).toMatch(/\r\n\r\none two$/)
  })

  test.each([secret, ''])(
    'keeps its connection when it asks to and the length is known (%j)',
    async lines => {
      const url = `${await origin()}/a.iso`
      const one = asking(url, `${lines}range: bytes=4-7\r\nconnection: keep-alive\r\n`)
      const text = await say(await proxyOf(swarm()), one + asking(url, `${lines}range: bytes=8-11\r\n`))
      const part = (start: number): string => content.subarray(start, start + 4).toString('latin1')
      const [, first, second] = text.split('HTTP/1.1 206 Partial Content\r\n')
      expect(first).toMatch(/connection: keep-alive\r\n/i)
      expect(first!.endsWith(`\r\n\r\n${part(4)}`)).toBe(true)
      expect(second).toMatch(/connection: close\r\n/i)
      expect(second!.endsWith(`\r\n\r\n${part(8)}`)).toBe(true)
    }
  )

  test('is told of with its version (Via)', async () => {
    const seen: unknown[] = []
    const url = await serve((req, res) => {
      seen.push(req.headers.via)
      res.end()
    })
    await say(await proxyOf(swarm()), asking(`${url}/`, secret))
    expect(seen).toEqual([expect.stringMatching(/^1\.0 starling-/)])
  })
})
