import { createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, listen, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const signal = new AbortController().signal
const upstream = (options: UpstreamOptions = {}) => upstreamOf({ allowPrivate: ['127.0.0.0/8'], ...options })

/** A port that notes who comes and what they say. */
async function port(): Promise<{ url: string; came: Socket[]; said: unknown[] }> {
  const came: Socket[] = []
  const said: unknown[] = []
  const server = createServer(socket => {
    came.push(socket)
    socket.on('data', piece => said.push(piece)).on('error', () => {})
  })
  return { url: `http://127.0.0.1:${await listen(server)}`, came, said }
}

test('one handshake, and not a byte', async () => {
  const { url, came, said } = await port()
  const took = await upstream().roundTrip(`${url}/update.msu`, signal)
  expect(took!.ms).toBeGreaterThan(0)
  expect(took!.lateMs).toBeLessThanOrEqual(took!.ms)
  expect([came.length, said.length]).toEqual([1, 0])
})

test('a refusal is an answer too', async () => {
  const server = createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  await new Promise(resolve => server.close(resolve))
  expect((await upstream().roundTrip(url, signal))!.ms).toBeGreaterThan(0)
})

test('goes to the proxy where there is one: that is where the bytes come from', async () => {
  const [proxy, origin] = [await port(), await port()]
  await upstream({ proxies: [proxy.url] }).roundTrip(origin.url, signal)
  expect([proxy.came.length, origin.came.length]).toEqual([1, 0])
})

test('no address is tried that may not be asked, by itself or by a name', async () => {
  const { url, came } = await port()
  const strict = upstream({ allowPrivate: [] })
  expect(await strict.roundTrip(url, signal)).toBeNull()
  expect(await strict.roundTrip(url.replace('127.0.0.1', 'localhost'), signal)).toBeNull()
  expect(came).toEqual([])
})

test('our own standing still is told as lateness', async () => {
  const { url } = await port()
  const measured = upstream().roundTrip(url, signal)
  await new Promise(setImmediate)
  const until = performance.now() + 60
  while (performance.now() < until);
  const took = await measured
  // It was under way, or was over before: then nothing was late.
  expect(took!.ms - took!.lateMs).toBeLessThan(40)
})

test('ends with its signal', async () => {
  const stop = new AbortController()
  stop.abort()
  expect(await upstream().roundTrip('http://127.0.0.1:9', stop.signal)).toBeNull()
})
