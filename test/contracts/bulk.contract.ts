/**
 * What every BulkPort promises, run on the real ones and on the in-memory double alike (bulk.test.ts). What a peer
 * can do that does not keep to the protocol is in agent/src/bulk: that depends on the protocol.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { BulkPort } from '@starling/agent/ports.ts'
import { codeOf } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import { KiB, MiB } from '@starling/shared/units.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../doubles/peers-on-loopback.ts'

export interface BulkEnd {
  readonly id: AgentId
  readonly bulk: BulkPort
}

export interface BulkNet {
  agent(): Promise<BulkEnd>
  /** From now on the two accept each other. */
  meet(one: BulkEnd, other: BulkEnd): Promise<void>
  /** Takes the agent away with everything it has under way. */
  end(agent: BulkEnd): Promise<void>
  close(): Promise<void>
}

/** What a chunk is does not matter to bulk; small ones keep the tests quick. */
const chunkBytes = 256 * KiB
/** More than fits in all buffers on the way, so that it is seen half way. */
const largeBytes = 64 * MiB
const transfer: TransferId = 'ab'.repeat(32)

export function bulkContract(
  name: string,
  open: () => BulkNet,
  /** Whether bytes take time, and connections can be lost; a double in memory does neither. */
  { isRemote }: { readonly isRemote: boolean }
): void {
  describe(`the bulk contract: ${name}`, () => {
    let net: BulkNet | undefined
    afterEach(async () => {
      await net?.close()
    })

    async function met(others: number): Promise<BulkEnd[]> {
      net = open()
      const asker = await net.agent()
      const ends = [asker]
      for (let made = 0; made < others; made++) {
        const end = await net.agent()
        await net.meet(asker, end)
        ends.push(end)
      }
      return ends
    }

    const never = new AbortController().signal
    const fetch = async (
      from: BulkEnd,
      peer: BulkEnd,
      chunk: number,
      target: Uint8Array,
      signal = never
    ): Promise<void> => await from.bulk.fetch({ peer: peer.id, transfer, chunk, target, signal })

    it('brings many chunks from two peers byte for byte, the short last one too', async () => {
      const [asker, one, two] = (await met(2)) as [BulkEnd, BulkEnd, BulkEnd]
      const content = randomBytes(63 * chunkBytes + 12_345)
      const part = (of: Buffer, chunk: number): Uint8Array =>
        of.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes)
      const asked = new Map<BulkEnd, number[]>()
      for (const peer of [one, two]) {
        asked.set(peer, [])
        peer.bulk.onRequest((request, reply) => {
          expect([request.peer, request.transfer]).toEqual([asker.id, transfer])
          asked.get(peer)!.push(request.chunk)
          void reply.send(part(content, request.chunk))
        })
      }
      const got = Buffer.alloc(content.length)
      await Promise.all(
        Array.from({ length: 64 }, async (_, chunk) => {
          await fetch(asker, chunk % 2 === 0 ? one : two, chunk, part(got, chunk))
        })
      )
      expect(got.equals(content)).toBe(true)
      const inOrder = (peer: BulkEnd): number[] => asked.get(peer)!.toSorted((a, b) => a - b)
      expect(inOrder(one)).toEqual(Array.from({ length: 32 }, (_, at) => at * 2))
      expect(inOrder(two)).toEqual(Array.from({ length: 32 }, (_, at) => at * 2 + 1))
    })

    it('keeps requests apart that are answered in any order', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const chunks = Array.from({ length: 100 }, (_, at) => randomBytes(1000 + at))
      peer.bulk.onRequest(({ chunk }, reply) => {
        void (async () => {
          for (let turns = (chunk * 7) % 5; turns > 0; turns--) await turn()
          if (chunk % 10 === 3) reply.busy(chunk)
          else if (chunk % 10 === 6) reply.gone()
          else await reply.send(chunks[chunk]!)
        })()
      })
      const targets = chunks.map(({ length }) => new Uint8Array(length))
      const outcomes = await Promise.allSettled(
        targets.map(async (target, chunk) => await fetch(asker, peer, chunk, target))
      )
      const told = outcomes.map((outcome, chunk) =>
        outcome.status === 'rejected' ? codeOf(outcome.reason) : chunks[chunk]!.equals(targets[chunk]!)
      )
      const wanted = chunks.map((_, chunk) => (chunk % 10 === 3 ? 'busy' : chunk % 10 === 6 ? 'gone' : true))
      expect(told).toEqual(wanted)
      expect(outcomes[33]).toMatchObject({ reason: { retryAfterMs: 33 } })
    })

    it('carries both ways at once', async () => {
      const [one, two] = (await met(1)) as [BulkEnd, BulkEnd]
      const bytes = new Map([one, two].map(end => [end, randomBytes(chunkBytes)]))
      for (const end of [one, two]) end.bulk.onRequest((_, reply) => void reply.send(bytes.get(end)!))
      const pairs: Array<[BulkEnd, BulkEnd]> = [
        [one, two],
        [two, one]
      ]
      await Promise.all(
        pairs.flatMap(([from, to]) =>
          Array.from({ length: 10 }, async (_, chunk) => {
            const target = Buffer.alloc(chunkBytes)
            await fetch(from, to, chunk, target)
            expect(target.equals(bytes.get(to)!)).toBe(true)
          })
        )
      )
    })

    it('says busy and when to ask again, says gone, and serves the next request', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const bytes = randomBytes(1000)
      peer.bulk.onRequest(({ chunk }, reply) => {
        if (chunk === 0) reply.busy(1234)
        else if (chunk === 1) reply.gone()
        else void reply.send(bytes)
      })
      const target = Buffer.alloc(1000)
      for (let round = 0; round < 3; round++) {
        await expect(fetch(asker, peer, 0, target)).rejects.toMatchObject({
          code: 'busy',
          retryAfterMs: 1234
        })
        await expect(fetch(asker, peer, 1, target)).rejects.toMatchObject({ code: 'gone' })
      }
      expect(target.every(byte => byte === 0)).toBe(true)
      await fetch(asker, peer, 2, target)
      expect(target.equals(bytes)).toBe(true)
    })

    it('gives the sender its buffer back when it may be used again', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const buffer = Buffer.alloc(MiB)
      let last: Promise<unknown> = Promise.resolve()
      const told: number[] = []
      peer.bulk.onRequest(({ chunk }, reply) => {
        last = last.then(async () => {
          buffer.fill(chunk + 1)
          told.push(await reply.send(buffer))
          buffer.fill(0xff)
        })
      })
      const targets = Array.from({ length: 8 }, () => Buffer.alloc(MiB))
      await Promise.all(targets.map(async (target, chunk) => await fetch(asker, peer, chunk, target)))
      for (const [chunk, target] of targets.entries())
        expect(target.equals(Buffer.alloc(MiB, chunk + 1))).toBe(true)
      await last
      expect(told).toEqual(Array.from({ length: 8 }, () => MiB))
    })

    it('takes nothing of another length for the chunk, and writes beside no target', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const lengths = [999, 1001, 1, 2000, 1000]
      peer.bulk.onRequest(({ chunk }, reply) => void reply.send(new Uint8Array(lengths[chunk]!).fill(7)))
      for (const chunk of [0, 1, 2, 3]) {
        const ground = Buffer.alloc(3000, 1)
        await expect(fetch(asker, peer, chunk, ground.subarray(1000, 2000))).rejects.toMatchObject({
          code: expect.stringMatching(/^(broken|gone)$/)
        })
        expect([...ground.subarray(0, 1000), ...ground.subarray(2000)].every(byte => byte === 1)).toBe(true)
      }
      const target = Buffer.alloc(1000)
      await fetch(asker, peer, 4, target)
      expect(target.every(byte => byte === 7)).toBe(true)
    })

    it('gives up at once when told to, waiting or not, and the others go on', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const bytes = randomBytes(chunkBytes)
      let held = 0
      peer.bulk.onRequest(({ chunk }, reply) => {
        if (chunk === 0) held++
        else void reply.send(bytes)
      })
      await expect(fetch(asker, peer, 0, Buffer.alloc(10), AbortSignal.abort())).rejects.toMatchObject({
        code: 'aborted'
      })
      expect(held).toBe(0)
      const stop = new AbortController()
      const given = Promise.allSettled(
        Array.from({ length: 3 }, async () => await fetch(asker, peer, 0, Buffer.alloc(10), stop.signal))
      )
      await until('three are asked', () => held === 3)
      const target = Buffer.alloc(chunkBytes)
      const other = fetch(asker, peer, 1, target)
      stop.abort()
      for (const outcome of await given) expect(outcome).toMatchObject({ reason: { code: 'aborted' } })
      await other
      expect(target.equals(bytes)).toBe(true)
    })

    if (!isRemote) return

    it('given up half way, leaves the target alone from then on, and tells the sender', async () => {
      const [asker, peer] = (await met(1)) as [BulkEnd, BulkEnd]
      const small = randomBytes(chunkBytes)
      const large = Buffer.alloc(largeBytes, 5)
      let handedOver: Promise<number> | null = null
      peer.bulk.onRequest(({ chunk }, reply) => {
        if (chunk === 0) handedOver = reply.send(large)
        else void reply.send(small)
      })
      const stop = new AbortController()
      const target = Buffer.alloc(largeBytes)
      const given = fetch(asker, peer, 0, target, stop.signal)
      await until('some of it has come', () => target[MiB] === 5)
      stop.abort()
      await expect(given).rejects.toMatchObject({ code: 'aborted' })
      target.fill(1)
      expect(await handedOver!).toBeLessThan(largeBytes)
      for (let chunk = 1; chunk <= 20; chunk++) {
        const next = Buffer.alloc(chunkBytes)
        await fetch(asker, peer, chunk, next)
        expect(next.equals(small)).toBe(true)
      }
      expect(target.equals(Buffer.alloc(largeBytes, 1))).toBe(true)
    })

    it('speaks only with peers whose hello was accepted', async () => {
      const [asker] = (await met(0)) as [BulkEnd]
      const stranger = await net!.agent()
      let asked = 0
      stranger.bulk.onRequest(() => asked++)
      await expect(fetch(asker, stranger, 0, Buffer.alloc(10))).rejects.toMatchObject({ code: 'broken' })
      expect(asked).toBe(0)
    })

    it('fails as broken when the peer goes away, before its answer or in the middle of it', async () => {
      const [asker, silent, sender] = (await met(2)) as [BulkEnd, BulkEnd, BulkEnd]
      let asked = 0
      silent.bulk.onRequest(() => asked++)
      sender.bulk.onRequest((_, reply) => void reply.send(Buffer.alloc(largeBytes, 5)))
      const target = Buffer.alloc(largeBytes)
      const [before, middle] = [
        fetch(asker, silent, 0, Buffer.alloc(10)),
        fetch(asker, sender, 0, target)
      ].map(
        async one =>
          await one.then(
            () => 'fine',
            (error: unknown) => error
          )
      )
      await until('the one is asked and the other is half way', () => asked === 1 && target[MiB] === 5)
      await Promise.all([net!.end(silent), net!.end(sender)])
      expect(await before).toMatchObject({ code: 'broken' })
      expect(await middle).toMatchObject({ code: 'broken' })
      expect(target.at(-1)).toBe(0)
    })
  })
}
