import { describe, expect, test } from 'vitest'
import type { UpstreamResponse } from '../ports.ts'
import { collect } from './collect.ts'

const bytesMax = 10
const never = new AbortController().signal

interface Source {
  readonly response: UpstreamResponse
  cancelled: number
  readonly send: (text: string) => void
  readonly end: (error?: Error) => void
}

/** An answer whose bytes come when the test says so. */
function source(): Source {
  const body = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 100 })
  const writer = body.writable.getWriter()
  writer.closed.catch(() => {})
  const one: Source = {
    cancelled: 0,
    response: {
      status: 200,
      headers: [],
      start: 0,
      total: null,
      via: 'direct',
      body: body.readable as AsyncIterable<Uint8Array>,
      cancel: () => {
        one.cancelled++
        writer.abort(new Error('cancelled')).catch(() => {})
      }
    },
    send: text => void writer.write(Buffer.from(text)).catch(() => {}),
    end: error => void (error === undefined ? writer.close() : writer.abort(error)).catch(() => {})
  }
  return one
}

const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.concat(await Array.fromAsync(body)).toString()

describe('what is gathered', () => {
  test('is the whole, for the client too, while it comes', async () => {
    const { response, send, end } = source()
    const { response: forClient, whole } = collect(response, bytesMax, never)
    const body = forClient.body[Symbol.asyncIterator]()
    send('01234')
    expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('01234')
    send('56789')
    end()
    expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('56789')
    expect((await body.next()).done).toBe(true)
    expect(Buffer.from((await whole) as Uint8Array).toString()).toBe('0123456789')
  })

  test('does not need a client that reads, nor one that stays', async () => {
    const { response, send, end } = source()
    const { response: forClient, whole } = collect(response, bytesMax, never)
    forClient.cancel()
    send('0123')
    end()
    expect(Buffer.from((await whole) as Uint8Array).toString()).toBe('0123')
  })

  test('breaks for the client as it does for us', async () => {
    const { response, send, end } = source()
    const { response: forClient, whole } = collect(response, bytesMax, never)
    send('0123')
    end(new Error('away'))
    expect(await whole).toBe('broken')
    await expect(text(forClient.body)).rejects.toThrow('away')
  })

  test('stops when nobody wants it', async () => {
    const one = source()
    const nobodyLeft = new AbortController()
    const { whole } = collect(one.response, bytesMax, nobodyLeft.signal)
    one.send('0123')
    nobodyLeft.abort()
    expect([await whole, one.cancelled > 0]).toEqual(['broken', true])
    const late = source()
    expect(await collect(late.response, bytesMax, AbortSignal.abort()).whole).toBe('broken')
    expect(late.cancelled).toBe(1)
  })
})

describe('what is too large', () => {
  test('comes to the client whole, and to nobody else', async () => {
    const { response, send, end } = source()
    const { response: forClient, whole } = collect(response, bytesMax, never)
    send('0123456789')
    send('0')
    expect(await whole).toBe('too-large')
    send('123')
    end()
    expect(await text(forClient.body)).toBe('01234567890123')
  })

  test.each(['before', 'after'])('is stopped when the client went away %s that showed', async when => {
    const one = source()
    const { response: forClient, whole } = collect(one.response, bytesMax, never)
    if (when === 'before') forClient.cancel()
    one.send('01234567890')
    expect(await whole).toBe('too-large')
    if (when === 'after') forClient.cancel()
    expect(one.cancelled).toBe(1)
  })
})
