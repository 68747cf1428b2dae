/**
 * What goes wrong in a run, drawn from its seed: each fault has a beginning, mostly an end, and an allowance: how many
 * bytes more over the line, and how much more time, it may cost. After the last end nothing goes wrong any more.
 */
import { extentOf } from '@starling/shared/chunking.ts'
import type { Prng } from '@starling/shared/prng.ts'
import { MiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Dress, Play } from './play.ts'
import type { SimAgent } from './sim-agent.ts'
import { claimsAndIdles, saysItHasAll } from './wraps.ts'

export interface Fault {
  readonly what: string
  readonly at: Millis
  readonly endsAt: Millis
  readonly allows: { readonly bytes: Bytes; readonly ms: Millis }
  begin(play: Play): void
  end?(play: Play): void
}

/** Faults of agents' nature, there from the start: liars, bad clocks, slow or full disks. */
export interface Nature {
  readonly what: string
  readonly agent: number
  readonly allows: { readonly bytes: Bytes; readonly ms: Millis }
  readonly dress: Dress
}

/** What is lost with one agent: the chunks that its two flows were filling, and what it had not passed on yet. */
const agentLosesBytes: Bytes = 12 * MiB
/** ... and with a gateway, which runs six flows. */
const gatewayLosesBytes: Bytes = 24 * MiB
/** While claims time out, more than one may come to fetch the same extent. */
const confusionBytes: Bytes = 16 * MiB

export type FaultKind = (at: Millis, lastsMs: Millis, agent: number) => Fault
export type NatureKind = (agent: number, prng: Prng) => Nature

export const faultKinds = {
  powerLoss,
  restart,
  closedLid,
  brokenConnections,
  halves,
  originStalls,
  originBreaksOff,
  originRefuses,
  fullDisk,
  badSectors,
  gatewayDies,
  coordinatorDies
} satisfies Record<string, FaultKind>

export const natureKinds = { corruptLiar, muteLiar, idleLiar, wrongClock, slowMachine } satisfies Record<
  string,
  NatureKind
>

export function drawFaults(
  prng: Prng,
  count: number,
  agents: number,
  overMs: Millis,
  helpers: { gateway: boolean; coordinator: boolean }
): Fault[] {
  const kinds: FaultKind[] = Object.entries(faultKinds)
    .filter(
      ([name]) =>
        (name !== 'gatewayDies' || helpers.gateway) && (name !== 'coordinatorDies' || helpers.coordinator)
    )
    .map(([, kind]) => kind)
  return Array.from({ length: count }, () => {
    const at = 2 * secondMs + Math.floor(prng.fraction() * overMs)
    return prng.pick(kinds)(at, secondMs * (2 + prng.below(9)), prng.below(agents))
  }).sort((one, other) => one.at - other.at)
}

export function drawNatures(prng: Prng, count: number, agents: number): Nature[] {
  return Array.from({ length: count }, () => prng.pick(Object.values(natureKinds))(prng.below(agents), prng))
}

export function dressAll(natures: readonly Nature[]): Dress {
  return (init, index) =>
    natures.reduce(
      (dressed, nature) => (nature.agent === index ? nature.dress(dressed, index) : dressed),
      init
    )
}

/** Plans all faults of a play. */
export function unleash(play: Play, faults: readonly Fault[]): void {
  for (const fault of faults) {
    play.world.at(fault.at, () => {
      fault.begin(play)
    })
    if (fault.end !== undefined)
      play.world.at(fault.endsAt, () => {
        fault.end?.(play)
      })
  }
}

const nth = (play: Play, agent: number): SimAgent => play.agents[agent % play.agents.length]!
const second = (ms: Millis): string => `${(ms / secondMs).toFixed(1)} s`

/** Never the last one: somebody must be left to finish. */
function powerLoss(at: Millis, _lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: agent ${agent} loses power for good`,
    at,
    endsAt: at,
    allows: { bytes: agentLosesBytes, ms: 8 * secondMs },
    begin(play) {
      if (play.agents.filter(each => each.alive).length > 2) nth(play, agent).crash()
    }
  }
}

function restart(at: Millis, lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: agent ${agent} is restarted, and back after ${second(lastsMs)}`,
    at,
    endsAt: at + lastsMs,
    allows: { bytes: agentLosesBytes, ms: lastsMs + 8 * secondMs },
    begin(play) {
      nth(play, agent).crash()
    },
    end(play) {
      const back = nth(play, agent)
      if (back.alive) return
      back.start()
      if (back.askedAt.has(play.content.transfer)) back.want(play.content)
    }
  }
}

/** The others lose it after a while, and it them; what was said to it meanwhile it hears late. */
function closedLid(at: Millis, lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: agent ${agent} sleeps for ${second(lastsMs)}`,
    // Back, it is alone until it has dialled the others again, and fetches for itself meanwhile.
    at,
    endsAt: at + lastsMs,
    allows: { bytes: agentLosesBytes + confusionBytes, ms: lastsMs + 12 * secondMs },
    begin(play) {
      nth(play, agent).sleep()
    },
    end(play) {
      const sleeper = nth(play, agent)
      const peers = [...sleeper.links.values()].map(link => link.peer)
      sleeper.resume()
      // Its connections have not survived a long sleep.
      if (lastsMs > 5 * secondMs) for (const peer of peers) play.world.network.interrupt(sleeper, peer)
    }
  }
}

function brokenConnections(at: Millis, _lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: half of agent ${agent}'s connections break`,
    at,
    endsAt: at + 3 * secondMs,
    allows: { bytes: confusionBytes, ms: 6 * secondMs },
    begin(play) {
      const one = nth(play, agent)
      for (const { peer } of Array.from(one.links.values()))
        if (play.world.prng.below(2) === 0) play.world.network.interrupt(one, peer)
    }
  }
}

function halves(at: Millis, lastsMs: Millis, agent: number): Fault {
  const siteOf = (play: Play): readonly SimAgent[] => play.world.atSite(nth(play, agent).site)
  return {
    what: `${second(at)}: agent ${agent}'s site falls in two halves for ${second(lastsMs)}`,
    // Two halves that do not hear each other fetch twice what they fetch meanwhile, and what was under way before and after.
    at,
    endsAt: at + lastsMs,
    allows: { bytes: Infinity, ms: lastsMs * 2 + 10 * secondMs },
    begin(play) {
      const halfOf = new Map(siteOf(play).map((each, place) => [each, place % 2]))
      play.world.network.partition(siteOf(play), each => halfOf.get(each) ?? 0)
    },
    end(play) {
      play.world.network.heal(siteOf(play))
    }
  }
}

function originStalls(at: Millis, lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: nothing comes over the line of agent ${agent}'s site for ${second(lastsMs)}`,
    at,
    endsAt: at + lastsMs,
    allows: { bytes: confusionBytes + (lastsMs / secondMs) * MiB, ms: lastsMs + 8 * secondMs },
    begin(play) {
      play.world.wanOf(nth(play, agent).site).stall(true)
    },
    end(play) {
      play.world.wanOf(nth(play, agent).site).stall(false)
    }
  }
}

function originBreaksOff(at: Millis, _lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: the origin breaks off every flow of agent ${agent}'s site`,
    at,
    endsAt: at,
    allows: { bytes: 6 * 2 * MiB, ms: 5 * secondMs },
    begin(play) {
      for (const each of play.world.atSite(nth(play, agent).site)) each.flows.breakAll()
    }
  }
}

function originRefuses(at: Millis, lastsMs: Millis): Fault {
  return {
    what: `${second(at)}: the origin answers 503 for ${second(lastsMs)}`,
    at,
    endsAt: at + lastsMs,
    allows: { bytes: confusionBytes, ms: lastsMs + 35 * secondMs },
    begin(play) {
      play.world.origin.refuses = true
      for (const each of play.world.agents.values()) each.flows.breakAll()
    },
    end(play) {
      play.world.origin.refuses = false
    }
  }
}

/** It passes on what it gets, and can give no other what it does not keep. */
function fullDisk(at: Millis, lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: agent ${agent}'s disk is full for ${second(lastsMs)}`,
    at,
    endsAt: at + lastsMs,
    allows: { bytes: agentLosesBytes + (lastsMs / secondMs) * 4 * MiB, ms: lastsMs + 8 * secondMs },
    begin(play) {
      nth(play, agent).disk.full = true
    },
    end(play) {
      nth(play, agent).disk.full = false
    }
  }
}

function badSectors(at: Millis, _lastsMs: Millis, agent: number): Fault {
  return {
    what: `${second(at)}: two extents of agent ${agent}'s disk cannot be read any more`,
    at,
    endsAt: at,
    allows: { bytes: 8 * MiB, ms: 15 * secondMs },
    begin(play) {
      const one = nth(play, agent)
      const have = one.kept.get(play.content.transfer)
      if (have === undefined || have.empty) return
      const [first] = have.indices()
      one.loseChunks(
        play.content,
        [...have.indices()].filter(chunk => extentOf(chunk) <= extentOf(first!) + 1)
      )
    }
  }
}

function gatewayDies(at: Millis): Fault {
  return {
    what: `${second(at)}: the gateways lose power for good`,
    at,
    endsAt: at,
    allows: { bytes: gatewayLosesBytes, ms: 10 * secondMs },
    begin(play) {
      for (const gateway of play.gateways) if (gateway.alive) gateway.crash()
    }
  }
}

function coordinatorDies(at: Millis): Fault {
  return {
    what: `${second(at)}: the coordinator is gone for good`,
    at,
    endsAt: at,
    allows: { bytes: 0, ms: 0 },
    begin(play) {
      if (play.coordinator !== null) play.coordinator.down = true
    }
  }
}

// ------------------------------------------------------------------------------------------- natures

function corruptLiar(agent: number): Nature {
  return {
    what: `agent ${agent} sends wrong bytes`,
    agent,
    allows: { bytes: confusionBytes, ms: 5 * secondMs },
    dress: init => ({ ...init, lies: true })
  }
}

function muteLiar(agent: number): Nature {
  return {
    what: `agent ${agent} says that it has everything, and never answers`,
    agent,
    allows: { bytes: confusionBytes, ms: 40 * secondMs },
    dress: init => ({ ...init, mute: true, wrap: saysItHasAll })
  }
}

function idleLiar(agent: number): Nature {
  return {
    what: `agent ${agent} claims extents and fetches nothing`,
    agent,
    allows: { bytes: confusionBytes, ms: 90 * secondMs },
    dress: init => ({ ...init, wrap: claimsAndIdles })
  }
}

function wrongClock(agent: number, prng: Prng): Nature {
  const clock = { aheadMs: prng.below(600) * secondMs, rate: 1 + (prng.fraction() - 0.5) / 500 }
  return {
    what: `agent ${agent}'s clock is ${second(clock.aheadMs)} ahead and ${((clock.rate - 1) * 1e6).toFixed(0)} ppm fast`,
    agent,
    allows: { bytes: 0, ms: 0 },
    dress: init => ({ ...init, clock })
  }
}

function slowMachine(agent: number): Nature {
  return {
    what: `agent ${agent} hashes and writes 12 MB/s`,
    agent,
    allows: { bytes: confusionBytes, ms: 25 * secondMs },
    dress: init => ({ ...init, hashRate: 12_000_000 })
  }
}
