/**
 * One end of a road, in a process of its own: `node bulk-end.ts <road> <sender|receiver> <file> <chunks>`, spoken
 * with over IPC. The sender reads chunks of the file into pooled buffers and sends them; the receiver fetches them
 * into pooled buffers, compares their SHA-256, and writes them to the file. What it costs is counted from the meeting on.
 */
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { createBuffers } from '@starling/agent/flows/buffers.ts'
import { digestOf, sameBytes } from '@starling/agent/flows/hashing.ts'
import { MiB, type Bytes } from '@starling/shared/units.ts'
import { roads, type Card, type RoadName } from './bulk-roads.ts'

/** What the core would have in flight from one fast peer, and enough that neither end ever waits for the other. */
const fetchesAtOnce = 8
const transfer = 'be'.repeat(32)
export const digestBytes: Bytes = 32

export interface EndCost {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rssBytes: Bytes
}

/** To the parent: the card, 'met', the cost. From it: the other's card, 'go', 'stop'. */
export type EndMessage = { readonly card: Card } | 'met' | 'go' | 'stop' | EndCost

async function main([road, role, path, chunkCount]: string[]): Promise<void> {
  const end = await roads[road as RoadName]()
  const chunks = Number(chunkCount)
  const idle = new AbortController().signal
  const buffers = createBuffers({ bufferBytes: MiB, buffersMax: 16, buffersIdleMax: 16 })
  const heard = async (): Promise<EndMessage> => ((await once(process, 'message')) as [EndMessage])[0]

  const file = await open(path!, role === 'sender' ? 'r' : 'w')
  if (role === 'sender') {
    end.bulk.onRequest(({ chunk }, reply) => {
      void (async () => {
        const buffer = await buffers.take(idle)
        const { bytesRead } = await file.read(buffer, 0, MiB, chunk * MiB)
        await reply.send(buffer.subarray(0, bytesRead))
        buffers.give(buffer)
      })()
    })
  }

  say({ card: end.card })
  const other = (await heard()) as { readonly card: Card }
  await end.meet(other.card)
  const before = cpuSeconds()
  const next = heard()
  say('met')
  await next
  const beganAt = performance.now()
  if (role === 'receiver') {
    const digests = await readFile(`${path}.digests`)
    let fetched = 0
    const fetchSome = async (): Promise<void> => {
      for (let chunk = fetched++; chunk < chunks; chunk = fetched++) {
        const buffer = await buffers.take(idle)
        await end.bulk.fetch({ peer: other.card.id, transfer, chunk, target: buffer, signal: idle })
        const digest = digests.subarray(chunk * digestBytes, (chunk + 1) * digestBytes)
        if (!sameBytes(await digestOf(buffer), digest))
          throw new Error(`chunk ${chunk} is not what it should be`)
        await file.write(buffer, 0, MiB, chunk * MiB)
        buffers.give(buffer)
      }
    }
    await Promise.all(Array.from({ length: fetchesAtOnce }, fetchSome))
  }
  const seconds = (performance.now() - beganAt) / 1000
  const stop = role === 'receiver' ? heard() : null
  say({ seconds, cpuSeconds: cpuSeconds() - before, rssBytes: process.resourceUsage().maxRSS * 1024 })
  await stop
  await end.close()
  await file.close()
  process.disconnect?.()
}

function cpuSeconds(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return (userCPUTime + systemCPUTime) / 1e6
}

function say(message: EndMessage): void {
  process.send?.(message)
}

if (import.meta.main) await main(process.argv.slice(2))
