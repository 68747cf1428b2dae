/** What an order asks of the agent's own proxy, and what it makes of the answers. */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stepsThrough, type FetchStep } from './through-proxy.ts'

const url = 'http://files.example/a.iso'
const never = new AbortController().signal

let asked: IncomingMessage[]
let answer: {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
  readonly hangs?: boolean
}
let step: FetchStep
let stop: () => Promise<void>

beforeEach(async () => {
  asked = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.writeHead(answer.status, answer.headers)
    response.write(answer.body)
    if (answer.hangs !== true) response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  step = stepsThrough(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  stop = () =>
    new Promise(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
})
afterEach(() => stop())

test('asks for a range in the background, as a program of its own name', async () => {
  answer = {
    status: 206,
    headers: { 'x-starling': 'swarm; class=generic', 'content-range': 'bytes 4-7/9' },
    body: 'part'
  }
  expect(await step(url, 4, 8, never)).toEqual({ kind: 'swarm', length: 9 })
  expect(asked[0]!.url).toBe(url)
  expect(asked[0]!.headers).toMatchObject({
    host: 'files.example',
    range: 'bytes=4-7',
    priority: 'u=7',
    'user-agent': 'starling-order'
  })
})

const own = (why: string) => ({ 'x-starling': `own; reason=${why}` })

test.each([
  [
    'small, out of the cache',
    200,
    { 'x-starling': 'cache; class=generic; fresh' },
    'small',
    { kind: 'small', length: 5 }
  ],
  [
    'small, kept just now',
    200,
    { 'x-starling': 'pass; reason=it is small; kept' },
    'small',
    { kind: 'small', length: 5 }
  ],
  ['all of it at once', 200, { 'x-starling': 'swarm; class=generic' }, 'all', { kind: 'swarm', length: 3 }],
  [
    'a redirect',
    302,
    { 'x-starling': 'pass; reason=x', location: '/b.iso' },
    '',
    { kind: 'moved', to: 'http://files.example/b.iso' }
  ],
  [
    'a rule of policy',
    403,
    own('no-files'),
    'Starling: files.example is denied by rule no-files\n',
    { kind: 'refused', why: 'files.example is denied by rule no-files' }
  ],
  [
    'an origin that is away',
    502,
    own('upstream-unreachable'),
    'Starling: no way\n',
    { kind: 'failed', why: 'no way' }
  ],
  [
    'no such file',
    404,
    { 'x-starling': 'pass; reason=x' },
    '',
    { kind: 'refused', why: 'the origin answers 404' }
  ],
  [
    'an origin in trouble',
    503,
    { 'x-starling': 'pass; reason=x' },
    '',
    { kind: 'failed', why: 'the origin answers 503' }
  ],
  [
    'a transfer in trouble',
    200,
    { 'x-starling': 'pass; reason=the transfer failed (upstream-short)' },
    'x',
    { kind: 'failed', why: 'the transfer failed (upstream-short)' }
  ]
])('understands %s', async (_, status, headers, body, end) => {
  answer = { status, headers: headers as OutgoingHttpHeaders, body }
  expect(await step(url, 0, 8, never)).toEqual(end)
})

test('does not read what cannot be kept: each agent would fetch it for itself', async () => {
  answer = {
    status: 200,
    headers: { 'x-starling': 'pass; reason=the response says no-store' },
    body: 'x',
    hangs: true
  }
  expect(await step(url, 0, 8, never)).toEqual({
    kind: 'refused',
    why: 'the answer cannot be kept: the response says no-store'
  })
})

test('ends when the order does, and when the proxy is gone it may go better in a moment', async () => {
  answer = { status: 206, headers: { 'x-starling': 'swarm; class=generic' }, body: 'x', hangs: true }
  const ending = new AbortController()
  const stepping = step(url, 0, 8, ending.signal)
  await expect.poll(() => asked.length).toBe(1)
  ending.abort(new Error('withdrawn'))
  await expect(stepping).rejects.toThrow('withdrawn')
  await stop()
  expect(await step(url, 0, 8, never)).toMatchObject({ kind: 'failed' })
  stop = async () => {}
})
