/** Looks at a running world now and then, for curves: where bytes come from, and how many flows the lines carry. */
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Play } from './play.ts'

export interface Sample {
  readonly at: Millis
  readonly upstream: Bytes
  readonly agents: Bytes
  readonly gateways: Bytes
  /** Over all lines. */
  readonly flows: number
}

/** Half a second at first; each time so many samples are there, half as often from then on. */
const samplesPerPace = 200

export function watch(play: Play): Sample[] {
  const samples: Sample[] = []
  const { world } = play
  let everyMs: Millis = secondMs / 2
  const look = (): void => {
    let [upstream, agents, gateways, flows] = [0, 0, 0, 0]
    for (const agent of play.agents) {
      upstream += agent.fromUpstream
      agents += agent.fromPeers.agents
      gateways += agent.fromPeers.gateways
    }
    for (const gateway of play.gateways) upstream += gateway.fromUpstream
    for (let site = 0; site < world.sites; site++) flows += world.wanOf(site).flows
    samples.push({ at: world.now, upstream, agents, gateways, flows })
    if (samples.length % samplesPerPace === 0) everyMs *= 2
    world.after(everyMs, look)
  }
  world.at(play.startMs, look)
  return samples
}

/** Samples of worlds that ran side by side. The first to end stays as it was then. */
export function together(worlds: ReadonlyArray<readonly Sample[]>): Sample[] {
  const longest = worlds.reduce<readonly Sample[]>(
    (most, samples) => (samples.length > most.length ? samples : most),
    []
  )
  return longest.map(({ at }, index) => {
    const then = worlds.flatMap(
      samples => samples[index] ?? (samples.length === 0 ? [] : [{ ...samples.at(-1)!, flows: 0 }])
    )
    const sum = (of: (sample: Sample) => number): number =>
      then.reduce((total, sample) => total + of(sample), 0)
    return {
      at,
      upstream: sum(one => one.upstream),
      agents: sum(one => one.agents),
      gateways: sum(one => one.gateways),
      flows: sum(one => one.flows)
    }
  })
}
