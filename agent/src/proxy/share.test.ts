import type { IncomingMessage, RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { StarlingError } from '@starling/shared/errors.ts'
import { MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  content,
  etag,
  origin,
  partsOf,
  proxyOf,
  serve,
  sha256,
  type Swarm,
  swarm
} from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

test('what a client has changed at the origin it does not get from the swarm as it was', async () => {
  const url = await origin()
  const how = async (issuedAt: number, path: string, method = 'GET'): Promise<string> => {
    const proxy = await proxyOf(swarm(null, issuedAt))
    const asked = async (): Promise<string> =>
      String((await ask(proxy, `${url}${path}`, {}, method)).headers['x-starling'])
    await ask(proxy, `${url}${path}`)
    expect(await asked()).toMatch(/^swarm/)
    await ask(proxy, `${url}${path}`, {}, 'PUT', 'another')
    return asked()
  }
  const [before, after] = [Date.now() - 1000, Date.now() + 60_000]
  expect(await how(before, '/a.iso')).toMatch(/^pass; reason=it has been changed/)
  expect(await how(before, '/a.iso', 'HEAD')).toMatch(/^pass/)
  expect(await how(after, '/a.iso')).toMatch(/^swarm/)
  const name = 'A'.repeat(40)
  expect(await how(before, `/Content/AA/${name}.cab`)).toMatch(/^swarm/)
})

describe('when the swarm fails', () => {
  const failing = (source: Swarm, after: number, error: Error): void => {
    source.read = async function* (_transfer, start, end) {
      yield* partsOf(start, Math.min(end, start + after))
      throw error
    }
  }
  const lost = new StarlingError('transfer-failed', 'nobody has it')

  test('before the first byte, the origin answers', async () => {
    const url = `${await origin()}/a.iso`
    const source = swarm()
    failing(source, 0, lost)
    const proxy = await proxyOf(source)
    const whole = await ask(proxy, url)
    expect([whole.status, sha256(whole.body)]).toEqual([200, sha256(content)])
    expect(whole.headers['x-starling']).toContain('pass; reason=the transfer failed')
    const part = await ask(proxy, url, { range: 'bytes=100-199' })
    expect([part.status, part.body]).toEqual([206, content.subarray(100, 200)])
  })

  test('later, the same version goes on from the origin at the exact place', async () => {
    const seen: IncomingMessage[] = []
    const url = `${await origin(seen)}/a.iso`
    const source = swarm()
    failing(source, MiB, lost)
    const answer = await ask(await proxyOf(source), url, { range: `bytes=4-${2 * MiB - 1}` })
    expect([answer.status, answer.broken, sha256(answer.body)]).toEqual([
      206,
      null,
      sha256(content.subarray(4, 2 * MiB))
    ])
    expect(seen[0]!.headers).toMatchObject({ range: `bytes=${MiB + 4}-${2 * MiB - 1}`, 'if-range': etag })
  })

  test.each<[string, RequestListener]>([
    [
      'another version',
      (_req, res) =>
        res
          .writeHead(206, {
            etag: '"v2"',
            'content-range': `bytes ${MiB}-${content.length - 1}/${content.length}`
          })
          .end(content.subarray(MiB))
    ],
    [
      'another length',
      (_req, res) =>
        res
          .writeHead(206, {
            etag,
            'content-range': `bytes ${MiB}-${content.length - 1}/${content.length + 1}`
          })
          .end(content.subarray(MiB))
    ],
    [
      'another place',
      (_req, res) =>
        res
          .writeHead(206, { etag, 'content-range': `bytes 0-${content.length - 1}/${content.length}` })
          .end(content)
    ],
    [
      'everything',
      (_req, res) => res.writeHead(200, { etag, 'content-length': content.length }).end(content)
    ],
    ['an error', (_req, res) => res.writeHead(404).end('gone')],
    [
      'too little',
      (_req, res) => {
        res.writeHead(206, {
          etag,
          'content-range': `bytes ${MiB}-${content.length - 1}/${content.length}`,
          'content-length': content.length - MiB
        })
        res.write(content.subarray(MiB, 2 * MiB), () => res.destroy())
      }
    ]
  ])(
    'later, and the origin has %s: the connection breaks, and no wrong byte was sent',
    async (_name, handler) => {
      const source = swarm()
      failing(source, MiB, lost)
      const answer = await ask(await proxyOf(source), `${await serve(handler)}/a.iso`)
      expect(answer.broken).not.toBeNull()
      expect(answer.body.length).toBeLessThan(content.length)
      expect(answer.body.equals(content.subarray(0, answer.body.length))).toBe(true)
    }
  )

  test('with what it sent in doubt, nothing is joined to it', async () => {
    const seen: IncomingMessage[] = []
    const source = swarm()
    failing(source, MiB, new StarlingError('content-untrusted', 'the digest in the name does not match'))
    const answer = await ask(await proxyOf(source), `${await origin(seen)}/a.iso`)
    expect([answer.broken === null, seen.length]).toEqual([false, 0])
  })

  test('by ending early or by sending too much, it is found out', async () => {
    for (const extra of [-1, 1]) {
      const source = swarm()
      source.read = async function* (_transfer, start, end) {
        yield* partsOf(start, end - 10)
        yield Buffer.alloc(10 + extra)
      }
      // Kept alive: a client would wait for what is missing for ever.
      const answer = await ask(await proxyOf(source), 'http://nobody.invalid/a.iso', {
        connection: 'keep-alive'
      })
      expect(answer.broken).not.toBeNull()
    }
  })

  test('wholly, the answer says so', async () => {
    const source = swarm()
    source.want = () => Promise.reject(new StarlingError('upstream-unreachable', 'example is away'))
    const answer = await ask(await proxyOf(source), 'http://files.example/a.iso')
    expect([answer.status, answer.body.toString()]).toEqual([502, 'Starling: example is away\n'])
  })
})
