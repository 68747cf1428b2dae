import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { transferIdOf, type SignedHead } from '@starling/shared/manifest.ts'
import { MiB } from '@starling/shared/units.ts'
import { seededContent } from '../../../test/doubles/content.ts'
import { bytesOf, dataPlane, end, signHead, type DataPlane } from '../../../test/doubles/data-plane.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import type { Faults } from '../../../test/doubles/origin-faults.ts'
import { realOrigin, type RealOrigin } from '../../../test/doubles/real-origin.ts'

const length = 6 * MiB + 1000
const chunks = 7
const content = seededContent('a', length)
const path = '/a.cab'

let origin: RealOrigin
let plane: DataPlane
let head: SignedHead
beforeEach(async () => {
  origin = await realOrigin()
  origin.put(path, content)
  plane = dataPlane({ upstream: origin.upstream })
  head = headOf(content.etag)
  plane.flows.openTransfer(head)
})
afterEach(async () => {
  await end(plane)
  await origin.close()
})

function headOf(validator: string): SignedHead {
  const key = `${new URL(origin.url).host}${path}`
  return signHead({
    key,
    length,
    validator,
    chunkBytes: MiB,
    contentClass: 'web',
    headers: [],
    promised: null
  })
}

async function ask(firstChunk: number, endChunk: number, faults: Faults = {}, flow = 1): Promise<string> {
  origin.setFaults(path, faults)
  const url = `${origin.url}${path}`
  plane.flows.fetchUpstream({ flow, transfer: head.transfer, url, firstChunk, endChunk })
  return (await plane.event('flow-ended', event => event.flow === flow)).reason
}

function stored(): number[] {
  return plane.of('chunk-stored').map(event => event.chunk)
}

async function keptRightly(): Promise<void> {
  for (let chunk = 0; chunk < chunks; chunk++) {
    if (!plane.store.has(head.transfer, chunk)) continue
    const target = new Uint8Array(Math.min(MiB, length - chunk * MiB))
    await plane.store.read(head.transfer, chunk, 0, target)
    const right = await content.read(chunk * MiB, chunk * MiB + target.length)
    expect(Buffer.compare(target, right), `chunk ${chunk}`).toBe(0)
  }
}

describe('a flow from upstream', () => {
  it('asks for its chunks and no byte more, and says when each is stored before it ends', async () => {
    expect(await ask(2, 5)).toBe('done')
    expect(origin.stats(path).served).toMatchObject([
      { status: 206, start: 2 * MiB, end: 5 * MiB, bodyBytes: 3 * MiB }
    ])
    expect(stored()).toEqual([2, 3, 4])
    expect(plane.events.at(-1)!.type).toBe('flow-ended')
    expect(plane.flows.totals()).toMatchObject({ fromUpstream: 3 * MiB, wasted: 0 })
    await keptRightly()
  })

  it('brings the last, shorter chunk', async () => {
    expect(await ask(4, 7)).toBe('done')
    expect(stored()).toEqual([4, 5, 6])
    await keptRightly()
  })

  it('goes on from byte 0 when the origin ignores the range, and skips what is kept', async () => {
    expect(await ask(0, 2)).toBe('done')
    expect(await ask(4, 6, { ignoreRange: true }, 2)).toBe('done')
    expect(plane.of('flow-moved')).toEqual([{ type: 'flow-moved', flow: 2, firstChunk: 0, endChunk: chunks }])
    expect(stored()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(plane.flows.totals().wasted).toBe(2 * MiB)
    await keptRightly()
  })

  it('keeps no partial chunk when the origin sends too little', async () => {
    expect(await ask(0, 4, { shortBy: MiB / 2 })).toBe('failed')
    expect(stored()).toEqual([0, 1, 2])
    expect(plane.flows.views()[0]!.problems.join()).toMatch(/broke off/)
    await keptRightly()
  })

  it('keeps no partial chunk when the content itself ends too early', async () => {
    origin.put(path, { ...seededContent('a', length - MiB), etag: content.etag })
    expect(await ask(0, 7, { ignoreRange: true, chunked: true })).toBe('failed')
    expect(stored()).toEqual([0, 1, 2, 3, 4])
    await keptRightly()
  })

  it('survives a reset', async () => {
    expect(await ask(0, 4, { resetAt: 2 * MiB + 64 * 1024 })).toBe('failed')
    // A reset takes with it what the kernel had not handed over yet.
    expect([0, 1]).toEqual(expect.arrayContaining(stored()))
    await keptRightly()
  })

  it('sees another ETag: the transfer cannot be completed from there', async () => {
    origin.put(path, seededContent('b', length))
    expect(await ask(0, 4)).toBe('changed')
    expect(stored()).toEqual([])
  })

  it('sees another length although the validator is the same', async () => {
    origin.put(path, { ...seededContent('b', length + 1), etag: content.etag })
    expect(await ask(0, 4)).toBe('changed')
  })

  it('takes no content that goes on where it should end', async () => {
    origin.put(path, { ...seededContent('b', length + MiB), etag: content.etag })
    expect(await ask(0, 7, { ignoreRange: true, chunked: true })).toBe('changed')
    expect(stored()).not.toContain(6)
  })

  it.each([
    [404, 'refused'],
    [403, 'refused'],
    [412, 'changed'],
    [416, 'changed'],
    [429, 'failed'],
    [503, 'failed']
  ])('calls status %i %s', async (status, reason) => {
    expect(await ask(0, 4, { status, retryAfterSeconds: 7 })).toBe(reason)
    expect(plane.flows.views()[0]!.problems.join()).toMatch(`status ${status}`)
  })

  it('takes a captive portal for another version', async () => {
    origin.put('/portal', seededContent('portal', 5000))
    origin.put(path, seededContent('portal', 5000))
    expect(
      await ask(0, 4, { headers: { etag: null, 'last-modified': null, 'content-type': 'text/html' } })
    ).toBe('changed')
  })

  it('fails when nobody answers, and refuses an address that must not be asked', async () => {
    const { transfer } = head
    plane.flows.fetchUpstream({ flow: 1, transfer, url: 'http://127.0.0.1:9/', firstChunk: 0, endChunk: 1 })
    plane.flows.fetchUpstream({
      flow: 2,
      transfer,
      url: 'http://169.254.169.254/',
      firstChunk: 0,
      endChunk: 1
    })
    expect((await plane.event('flow-ended', event => event.flow === 1)).reason).toBe('failed')
    expect((await plane.event('flow-ended', event => event.flow === 2)).reason).toBe('refused')
  })

  it('does not know a transfer that was never opened', async () => {
    const transfer = transferIdOf({ key: 'x', length: 1, validator: '', chunkBytes: MiB })
    plane.flows.fetchUpstream({ flow: 1, transfer, url: origin.url, firstChunk: 0, endChunk: 1 })
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
  })

  it('keeps nothing that does not match a signed digest', async () => {
    const digest = new Uint8Array(32).fill(7)
    plane.flows.keepDigests({ transfer: head.transfer, entries: [[1, digest]], signed: head.signed })
    expect(await ask(0, 4)).toBe('corrupt')
    expect(stored()).toEqual([0])
    expect(plane.store.has(head.transfer, 1)).toBe(false)
  })

  it('tells of progress at most every 250 ms', async () => {
    let now = 1000
    await plane.flows.close()
    plane = dataPlane({ upstream: origin.upstream, now: () => now })
    plane.flows.openTransfer(head)
    plane.core = event => {
      if (event.type === 'chunk-stored') now += 125
    }
    expect(await ask(0, 6)).toBe('done')
    const told = plane.of('flow-progress')
    // At 1000 with the first bytes, then at 1250, 1500 and, if the last chunk is stored early enough, 1750.
    expect(told.length).toBeGreaterThanOrEqual(3)
    expect(told.length).toBeLessThanOrEqual(4)
    const counts = told.map(({ bytes }) => bytes)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
  })
})

describe('cancelling a flow', () => {
  it('at once leaves the chunk that was filling', async () => {
    origin.setFaults(path, { stallAt: MiB + MiB / 2 })
    const url = `${origin.url}${path}`
    plane.flows.fetchUpstream({ flow: 1, transfer: head.transfer, url, firstChunk: 0, endChunk: 4 })
    await plane.event('chunk-stored')
    await origin.when(path, stats => stats.bodyBytes >= MiB + MiB / 2)
    plane.flows.cancelFlow(1, false)
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(stored()).toEqual([0])
  })

  it('before the answer sends no bytes', async () => {
    const url = `${origin.url}${path}`
    plane.flows.fetchUpstream({ flow: 1, transfer: head.transfer, url, firstChunk: 0, endChunk: 4 })
    plane.flows.cancelFlow(1, false)
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(origin.stats(path).bodyBytes).toBe(0)
  })

  it('comes with forgetting the transfer', async () => {
    origin.setFaults(path, { stallAt: MiB / 2 })
    const url = `${origin.url}${path}`
    plane.flows.fetchUpstream({ flow: 1, transfer: head.transfer, url, firstChunk: 0, endChunk: 4 })
    await plane.event('flow-progress')
    plane.flows.evict(head.transfer)
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(plane.of('transfer-forgotten')).toHaveLength(1)
  })
})

describe('a rate', () => {
  it('holds for the class that it is set for, on real bytes', async () => {
    const rate = 8 * MiB
    plane.flows.setRates({ all: null, foreground: null, background: rate })
    plane.flows.setClass(head.transfer, true)
    const startedAt = performance.now()
    expect(await ask(0, 4)).toBe('done')
    // What was saved up (50 ms), and the piece that is paid for after it has come.
    const allowed = (rate * (performance.now() - startedAt + 50)) / 1000 + 64 * 1024
    expect(4 * MiB).toBeLessThanOrEqual(allowed)
    await keptRightly()
  })

  it('that is taken back, or of the other class, lets a flow go on that waits for years', async () => {
    plane.flows.setRates({ all: null, foreground: null, background: 1 })
    plane.flows.setClass(head.transfer, true)
    const ended = ask(0, 4)
    await plane.event('flow-progress')
    plane.flows.setRates({ all: null, foreground: null, background: null })
    expect(await ended).toBe('done')
    plane.flows.setRates({ all: null, foreground: null, background: 1 })
    plane.flows.setClass(head.transfer, false)
    expect(await ask(4, 6, {}, 2)).toBe('done')
  })

  it('for all holds whatever the class', async () => {
    const rate = 8 * MiB
    plane.flows.setRates({ all: rate, foreground: null, background: null })
    const startedAt = performance.now()
    expect(await ask(0, 4)).toBe('done')
    const allowed = (rate * (performance.now() - startedAt + 50)) / 1000 + 64 * 1024
    expect(4 * MiB).toBeLessThanOrEqual(allowed)
  })

  it('keeps nobody from calling off a flow', async () => {
    plane.flows.setRates({ all: null, foreground: 1, background: null })
    const ended = ask(0, 4)
    await plane.event('flow-progress')
    plane.flows.cancelFlow(1, false)
    expect(await ended).toBe('cancelled')
  })
})

describe('a disk that is full', () => {
  it('does not stop a download: every byte streams through, in bounded memory', async () => {
    await plane.flows.close()
    plane = dataPlane(
      { upstream: origin.upstream, store: createMemoryStore({ quotaBytes: 2 * MiB }) },
      { buffersMax: 8, heldPauseAt: 2, heldMax: 4 }
    )
    plane.flows.openTransfer(head)
    let most = 0
    plane.core = event => {
      if (event.type === 'range-wanted') {
        plane.flows.fetchUpstream({
          flow: 1,
          transfer: head.transfer,
          url: `${origin.url}${path}`,
          firstChunk: 0,
          endChunk: 7
        })
      }
      most = Math.max(most, plane.flows.buffersTaken())
    }
    const bytes = await bytesOf(plane.flows.read(head.transfer, 0, length, new AbortController().signal))
    expect(Buffer.compare(bytes, await content.read(0, length))).toBe(0)
    expect((await plane.event('flow-ended')).reason).toBe('done')
    expect(plane.of('chunk-stored').map(({ kept }) => kept)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false
    ])
    expect(plane.of('chunk-dropped').map(({ chunk }) => chunk)).toEqual([2, 3, 4, 5, 6])
    // Two held, one that fills, one being verified, and the one that a reader is at.
    expect(most).toBeLessThanOrEqual(5)
    expect(origin.stats(path).bodyBytes).toBe(length)
  })
})
