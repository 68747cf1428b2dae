/**
 * What a scenario is: data. Who wants the content when, on what lines, and what else is going on; `play.ts` makes a
 * world of it. Whatever is a number here can be told otherwise on the command line.
 */
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'

export type GatewayPlace = 'none' | 'site' | 'remote'

/** What a run is made of. Printed with every run, so that it can be had again. */
export interface Options {
  readonly seed: number
  readonly scenario: string
  /** All agents, spread evenly over the sites. */
  readonly agents: number
  readonly sites: number
  readonly size: Bytes
  readonly wan: BytesPerSecond
  readonly gateway: GatewayPlace
  /** A coordinator that hands out peers. */
  readonly coordinator: boolean
  /** Agents of a subnet up to which all are connected to all; beyond, each has `degree` neighbours. */
  readonly mesh: number
  readonly degree: number
  /** The origin gives one connection no more than this. */
  readonly perFlow: BytesPerSecond
  /** Nobody waits for the content. */
  readonly background: boolean
  /** How many faults are drawn from the seed, for the first part of the run. */
  readonly faults: number
}

export interface Scenario {
  readonly name: string
  readonly says: string
  readonly defaults: Partial<Options>
  /** Agents ask all at once (0), or spread over so long. */
  readonly arriveOverMs: Millis
  readonly subnets: number
  /** Wired ports of their own, or stations that share one medium, there and back. */
  readonly lan: { readonly rate: BytesPerSecond; readonly shared: boolean; readonly latencyMs: Millis }
  /** Machines differ: so fast is the slowest hashed and stored; null: all are faster than their port. */
  readonly slowestHashRate: BytesPerSecond | null
  /** All machines draw the same dice. */
  readonly clones: boolean
  /** Somebody at the site talks over the line while the download runs. */
  readonly call: BytesPerSecond | null
}

export const megabit: BytesPerSecond = 125_000
export const gigabitPort = { rate: 1000 * megabit, shared: false, latencyMs: 0.5 } as const

/** What most scenarios have in common. */
export const usual = {
  arriveOverMs: 0,
  subnets: 1,
  lan: gigabitPort,
  slowestHashRate: null,
  clones: false,
  call: null
} as const
