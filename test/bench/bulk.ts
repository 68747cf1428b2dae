/**
 * What moving chunks between two agents costs: 1 GiB from a file to a file, every chunk verified, by TLS sockets (the
 * product's road) and by libp2p streams over Noise, one right after the other in each round, in processes of their own.
 * Compare the two; the absolute figures are the machine's.
 */
import { createHash } from 'node:crypto'
import { fork } from 'node:child_process'
import { on, once } from 'node:events'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GiB, MiB, type Bytes } from '@starling/shared/units.ts'
import { seededContent } from '../doubles/content.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { eachAfresh, type Bench } from './bench.ts'
import type { EndCost, EndMessage } from './bulk-end.ts'
import { roadNames, type RoadName } from './bulk-roads.ts'

const length: Bytes = GiB
const chunks = length / MiB

export const bulk: Bench = {
  name: 'bulk',
  says: '1 GiB in 1 MiB chunks between two agents, verified and stored: TLS against libp2p streams',
  rounds: 5,
  open: eachAfresh(async say => {
    const house = openHouse()
    try {
      const folder = house.folder('bulk')
      const digests = await makeFile(join(folder, 'source'))
      const figures: Record<string, number> = {}
      const seen = new Map<RoadName, { rate: number; cpu: number }>()
      turn++
      for (const road of turn % 2 === 0 ? roadNames : roadNames.toReversed()) {
        const target = join(folder, road)
        await writeFile(`${target}.digests`, digests)
        const { sender, receiver } = await carry(house, road, join(folder, 'source'), target)
        await rm(target)
        const rate = length / 1e6 / receiver.seconds
        const cpu = sender.cpuSeconds + receiver.cpuSeconds
        seen.set(road, { rate, cpu })
        say(`  ${road}: ${rate.toFixed(0)} MB/s, ${cpu.toFixed(2)} CPU s`)
        figures[`${road}MBPerSecond`] = rate
        figures[`${road}CpuSecondsPerGiB`] = cpu
        figures[`${road}ReceiverCpuSeconds`] = receiver.cpuSeconds
        figures[`${road}SenderCpuSeconds`] = sender.cpuSeconds
        figures[`${road}ReceiverRssMiB`] = receiver.rssBytes / MiB
        figures[`${road}SenderRssMiB`] = sender.rssBytes / MiB
      }
      const [tls, libp2p] = [seen.get('tls')!, seen.get('libp2p')!]
      return { rateRatio: tls.rate / libp2p.rate, cpuRatio: tls.cpu / libp2p.cpu, ...figures }
    } finally {
      await house.close()
    }
  })
}

/** Who goes first alternates, so that neither always finds the machine warmer. */
let turn = 0

/** @returns the digests of its chunks. */
async function makeFile(path: string): Promise<Buffer> {
  const content = seededContent('bulk', length)
  const file = await open(path, 'w')
  const digests: Buffer[] = []
  for (let chunk = 0; chunk < chunks; chunk++) {
    const bytes = await content.read(chunk * MiB, (chunk + 1) * MiB)
    digests.push(createHash('sha256').update(bytes).digest())
    await file.write(bytes)
  }
  await file.close()
  return Buffer.concat(digests)
}

async function carry(
  house: House,
  road: RoadName,
  from: string,
  to: string
): Promise<{ readonly sender: EndCost; readonly receiver: EndCost }> {
  const sender = startEnd(house, road, 'sender', from)
  const receiver = startEnd(house, road, 'receiver', to)
  const cards = await Promise.all([sender.next(), receiver.next()])
  sender.say(cards[1])
  receiver.say(cards[0])
  await Promise.all([sender.next(), receiver.next()])
  receiver.say('go')
  const received = (await receiver.next()) as EndCost
  sender.say('go')
  const sent = (await sender.next()) as EndCost
  receiver.say('stop')
  await Promise.all([sender.ended, receiver.ended])
  return { sender: sent, receiver: received }
}

function startEnd(
  house: House,
  road: RoadName,
  role: string,
  path: string
): { next(): Promise<EndMessage>; say(message: EndMessage): void; readonly ended: Promise<unknown> } {
  const file = join(import.meta.dirname, 'bulk-end.ts')
  const child = fork(file, [road, role, path, String(chunks)])
  const ended = once(child, 'exit')
  house.keep(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill()
    await ended
  })
  const messages = on(child, 'message', { close: ['exit'] })
  return {
    async next() {
      const { value, done } = (await messages.next()) as IteratorResult<[EndMessage]>
      if (done) throw new Error(`the ${role} of ${road} ended before it was done: its last words are above`)
      return value[0]
    },
    say: message => void child.send(message),
    ended
  }
}
