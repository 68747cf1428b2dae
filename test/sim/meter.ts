/** Looks at a running world now and then, for curves: where bytes come from, what the lines carry, how copies spread. */
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Play } from './play.ts'

export interface Sample {
  readonly at: Millis
  readonly upstream: Bytes
  readonly agents: Bytes
  readonly gateways: Bytes
  /** Over all lines of sites. */
  readonly wan: Bytes
  readonly flows: number
  /** Which share of a site's agents holds a chunk: of all chunks and sites. */
  readonly copies: { readonly least: number; readonly mean: number; readonly most: number }
}

/** A quarter of a second at first; each time so many samples are there, half as often from then on. */
const samplesPerPace = 200

/** @returns what takes a last look, and gives all samples. */
export function watch(play: Play): () => Sample[] {
  const samples: Sample[] = []
  let everyMs: Millis = secondMs / 4
  const look = (): void => {
    samples.push(sampleOf(play))
    if (samples.length % samplesPerPace === 0) everyMs *= 2
    play.world.after(everyMs, look)
  }
  play.world.at(play.startMs, look)
  return () => [...samples, sampleOf(play)]
}

function sampleOf(play: Play): Sample {
  const { world } = play
  let [upstream, agents, gateways, wan, flows] = [0, 0, 0, 0, 0]
  for (const agent of play.agents) {
    upstream += agent.fromUpstream
    agents += agent.fromPeers.agents
    gateways += agent.fromPeers.gateways
  }
  for (const gateway of play.gateways) upstream += gateway.fromUpstream
  for (let site = 0; site < play.options.sites; site++) wan += world.wanOf(site).bytesNow
  for (let site = 0; site < world.sites; site++) flows += world.wanOf(site).flows
  return { at: world.now, upstream, agents, gateways, wan, flows, copies: copiesIn(play) }
}

function copiesIn({ agents, content, options }: Play): Sample['copies'] {
  const counts = Array.from({ length: options.sites }, () => new Uint32Array(content.chunks))
  const perSite = new Uint32Array(options.sites)
  for (const agent of agents) {
    perSite[agent.site]!++
    const have = agent.kept.get(content.transfer)
    if (have === undefined) continue
    const here = counts[agent.site]!
    for (let chunk = 0; chunk < here.length; chunk++) if (have.has(chunk)) here[chunk]!++
  }
  let [least, sum, most] = [1, 0, 0]
  for (const [site, here] of counts.entries()) {
    for (const count of here) {
      const share = count / perSite[site]!
      least = Math.min(least, share)
      most = Math.max(most, share)
      sum += share
    }
  }
  return { least, mean: sum / (options.sites * content.chunks), most }
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
      wan: sum(one => one.wan),
      flows: sum(one => one.flows),
      copies: {
        least: Math.min(...then.map(({ copies }) => copies.least)),
        mean: sum(one => one.copies.mean) / then.length,
        most: Math.max(...then.map(({ copies }) => copies.most))
      }
    }
  })
}
